#!/usr/bin/env bash
# Installs the libraries, the command, headers, manual pages and what finds them:
#   bazel run //:install -- [--prefix=DIR] [--libdir=DIR] [--destdir=DIR]
#
#   --prefix   where it is used from; default /usr/local
#   --libdir   for libraries, below the prefix; default lib (Debian: lib/x86_64-linux-gnu)
#   --destdir  put everything below this directory instead of /, for packages
#
set -euo pipefail

PREFIX=/usr/local
LIBDIR=lib
DESTDIR=''
# The preload library is no library that programs link: it is found by `secalloc run`.
PRELOAD_DIR=lib/secure_alloc
API_LIBRARY=libsecure_alloc.so.0

die() {
  printf 'install: %s\n' "$*" >&2
  exit 1
}

# As the user wrote it: bazel run starts this elsewhere.
from_user() {
  realpath -m "$(cd "${BUILD_WORKING_DIRECTORY:-.}" && realpath -m -- "$1")"
}

parse() {
  local argument
  for argument in "$@"; do
    case "${argument}" in
      --prefix=/*) PREFIX="${argument#*=}" ;;
      --prefix=?*) PREFIX="$(from_user "${argument#*=}")" ;;
      --libdir=[!/]*) LIBDIR="${argument#*=}" ;;
      --destdir=?*) DESTDIR="$(from_user "${argument#*=}")" ;;
      *) die "no such option or value: ${argument}. There are --prefix=DIR, --libdir=DIR (below" \
        "the prefix) and --destdir=DIR" ;;
    esac
  done
}

# put MODE FILE FOLDER [NAME]
put() {
  install -D -m "$1" "$2" "${DESTDIR}${PREFIX}/$3/${4:-$(basename "$2")}" ||
    die "${DESTDIR}${PREFIX}/$3 can't be written; is it yours? Choose another by --prefix=DIR"
}

# fill_in TEMPLATE FOLDER: with the places and the version.
fill_in() {
  local text
  text="$(sed -e "s|@PREFIX@|${PREFIX}|g" -e "s|@LIBDIR@|${PREFIX}/${LIBDIR}|g" \
    -e "s|@API_LIBRARY@|${API_LIBRARY}|g" -e "s|@VERSION@|${VERSION}|g" \
    -e "s|@PRELOAD_LIBRARY@|${PREFIX}/${PRELOAD_DIR}/libsecure_alloc_preload.so|g" "$1")"
  put 644 /dev/stdin "$2" "$(basename "$1" .in)" <<<"${text}"
}

# put_page PAGE: under each name that it gives itself.
put_page() {
  local section="${1##*.}" name
  put 644 "$1" "share/man/man${section}"
  for name in $(sed -nE 's/^\.Nm ([a-z_]+) ?,?$/\1/p' "$1" | sort -u); do
    [[ "${name}.${section}" == "$(basename "$1")" ]] ||
      put 644 /dev/stdin "share/man/man${section}" "${name}.${section}" \
        <<<".so man${section}/$(basename "$1")"
  done
}

install_all() {
  local file
  put 755 preload/command/secalloc bin
  put 644 preload/command/completion/secalloc.bash share/bash-completion/completions secalloc
  put 644 preload/command/completion/_secalloc share/zsh/site-functions
  put 755 preload/libsecure_alloc_preload.so "${PRELOAD_DIR}"
  put 755 preload/crypto/libsecure_alloc_crypto_preload.so "${PRELOAD_DIR}"
  put 755 "allocator/${API_LIBRARY}" "${LIBDIR}"
  ln -sf "${API_LIBRARY}" "${DESTDIR}${PREFIX}/${LIBDIR}/libsecure_alloc.so"
  while IFS= read -r file; do
    put 644 "${file}" "$(dirname "${file}")"
  done < <(find -L include -name '*.h')
  for file in docs/man/*.[1-9]; do
    put_page "${file}"
  done
  fill_in tools/package/secure_alloc.pc.in "${LIBDIR}/pkgconfig"
  for file in tools/package/secure_alloc-config*.cmake.in; do
    fill_in "${file}" "${LIBDIR}/cmake/secure_alloc"
  done
  fill_in tools/package/secure_alloc.conf.in share/doc/secure-alloc/systemd
}

parse "$@"
VERSION="$(preload/command/secalloc --version | cut -d ' ' -f 2)"
install_all
printf 'installed below %s%s\n' "${DESTDIR}" "${PREFIX}"
