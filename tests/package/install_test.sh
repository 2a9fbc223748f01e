#!/usr/bin/env bash
# What `bazel run //:install` installs serves programs that are built against it, by pkg-config and
# by CMake, and the command finds its library: install_test.sh INSTALL CONSUMER_FOLDER
set -euo pipefail

INSTALL="$1"
CONSUMER="$(realpath "$2")"
WORK="$(mktemp -d "${TMPDIR:-/tmp}/secure_alloc-install.XXXXXX")"
trap 'rm -rf "${WORK}"' EXIT
PREFIX="${WORK}/prefix"
LIBDIR="lib/$(cc -print-multiarch)"  # where CMake looks on Debian
FAILED=0
unset LD_PRELOAD SECALLOC_OPTIONS SECALLOC_LIBRARY

# fact SENTENCE COMMAND...: the sentence holds if the command succeeds.
fact() {
  if "${@:2}" >"${WORK}/log" 2>&1; then
    printf 'ok     %s\n' "$1"
    return
  fi
  printf 'FAILED %s (%s)\n' "$1" "${*:2}"
  sed 's/^/       /' "${WORK}/log" | tail -n 15
  FAILED=$((FAILED + 1))
}

# keeps_a_secret LANGUAGE PROGRAM
keeps_a_secret() {
  local printed
  printed="$(LD_LIBRARY_PATH="${PREFIX}/${LIBDIR}" "$2" | tee /dev/stderr)"
  grep -qx "$1: protection [12], 32 bytes" <<<"${printed}"
}

by_pkg_config() {
  local flags
  flags="$(PKG_CONFIG_PATH="${PREFIX}/${LIBDIR}/pkgconfig" \
    pkg-config --cflags --libs 'secure_alloc >= 0.1')"
  cc -std=c99 -Wall -Werror "${CONSUMER}/consumer.c" -o "${WORK}/c" ${flags}
  c++ -std=c++17 -Wall -Werror "${CONSUMER}/consumer.cc" -o "${WORK}/cxx" ${flags}
}

configure() {
  cmake -S "${CONSUMER}" -B "${WORK}/build" -DCMAKE_PREFIX_PATH="${PREFIX}" -DWANTED="$1"
}

another_version_is_refused() {
  is_refused configure 0.2 2>&1 | grep -F 'secure_alloc-config.cmake, version: 0.'
}

needs_version_0() {
  grep -q 'NEEDED.*\[libsecure_alloc\.so\.0\]' <<<"$(readelf --dynamic "$1")"
}

finds_its_library() {
  "${PREFIX}/bin/secalloc" doctor | grep -F "${PREFIX}/lib/secure_alloc/libsecure_alloc_preload.so"
}

runs_a_program() {
  "${PREFIX}/bin/secalloc" run --stats=1 -- /bin/true 2>&1 | grep 'secure_alloc: .* bytes secret'
}

completes_options() {
  bash -euc '
    source "$1/share/bash-completion/completions/secalloc"
    complete -p secalloc' bash "${PREFIX}"
}

named_page() {
  local page="${PREFIX}/share/man/man3/secalloc_malloc.3"
  test -e "${PREFIX}/share/man/$(sed -n 's/^\.so //p' "${page}")"
}

is_refused() {
  ! "$@"
}

fact 'it installs' "${INSTALL}" --prefix="${PREFIX}" --libdir="${LIBDIR}"
fact 'programs build by pkg-config' by_pkg_config
fact 'a C program runs' keeps_a_secret C "${WORK}/c"
fact 'a C++ program runs' keeps_a_secret C++ "${WORK}/cxx"
fact 'they ask for the version by name' needs_version_0 "${WORK}/c"
fact 'CMake finds it' configure 0.1
fact 'programs build by CMake' cmake --build "${WORK}/build"
fact 'a C program by CMake runs' keeps_a_secret C "${WORK}/build/c_consumer"
fact 'a C++ program by CMake runs' keeps_a_secret C++ "${WORK}/build/cxx_consumer"
fact 'CMake refuses it for another version' another_version_is_refused
fact 'the command finds its library' finds_its_library
fact 'the command runs a program with it' runs_a_program
fact 'a function has a manual page' named_page
fact 'bash completes the command' completes_options
fact 'zsh has a completion' test -s "${PREFIX}/share/zsh/site-functions/_secalloc"
fact 'it installs for a package' "${INSTALL}" --prefix=/usr --destdir="${WORK}/dest"
fact 'which is used from its prefix' \
  grep -qx 'prefix=/usr' "${WORK}/dest/usr/lib/pkgconfig/secure_alloc.pc"
fact 'other options are refused' is_refused "${INSTALL}" --prefx=/usr
((FAILED == 0))
