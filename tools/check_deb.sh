#!/usr/bin/env bash
# Does the Debian package work on a clean machine? As root: tools/check_deb.sh
#
# Builds it twice, has lintian look at it, makes a clean Debian 12 by debootstrap, installs it
# there, runs examples/quickstart.sh with the packaged command, runs a program as the systemd
# drop-in would, and removes the package. Takes two minutes and a gigabyte below TMPDIR;
# DEBIAN_MIRROR= names another mirror than apt's.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
SUITE=bookworm
# What a clean machine gets of the sources: the quickstart's scripts.
SCRIPTS=(examples tests/servers tools/install_deps.sh)

say() {
  printf '== %s\n' "$*"
}

die() {
  printf 'check_deb: %s\n' "$*" >&2
  exit 1
}

mirror() {
  printf '%s\n' "${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' \
    'Created-By: Packages' "Codename: ${SUITE}" | sed -n 1p)}"
}

# In the clean machine, with a /proc and processes of its own, which end with the command.
inside() {
  unshare --mount --pid --fork --kill-child -- bash -euc '
    mount --rbind /dev "$1/dev"
    mount -t proc proc "$1/proc"
    exec chroot "$@"' bash "${MACHINE}" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"
}

build() {
  say 'Building it twice'
  DEB="$("${ROOT}/tools/make_deb.sh" "${WORK}/deb" | tail -n 1)"
  cmp "${DEB}" "$("${ROOT}/tools/make_deb.sh" "${WORK}/again" | tail -n 1)" ||
    die 'two builds of one commit differ'
  say "lintian; $(stat -c %s "${DEB}") bytes"
  lintian --allow-root --info --fail-on error,warning "${DEB}"
}

make_machine() {
  say "A clean ${SUITE}"
  debootstrap --variant=minbase "${SUITE}" "${MACHINE}" "$(mirror)" >"${WORK}/debootstrap.log" ||
    { tail -n 20 "${WORK}/debootstrap.log" >&2; die 'debootstrap failed; is the mirror in reach?'; }
  mkdir "${MACHINE}/sources"
  (cd "${ROOT}" && cp -r --parents "${SCRIPTS[@]}" "${MACHINE}/sources")
  cp "${DEB}" "${MACHINE}/package.deb"
}

# Its lines Environment= are what systemd would give a service.
run_as_service() {
  inside bash -euc '
    drop_in=/usr/share/doc/secure-alloc/systemd/secure_alloc.conf
    mapfile -t variables < <(sed -n "s/^Environment=//p" "${drop_in}")
    env "${variables[@]}" SECALLOC_OPTIONS=stats=1 openssl genrsa 2>&1 >/dev/null |
      grep -E "^secure_alloc: [1-9][0-9]* bytes|high water [1-9]"'
}

main() {
  [[ "${EUID}" == 0 ]] || die 'debootstrap and chroot need root'
  local tool
  for tool in debootstrap lintian; do
    command -v "${tool}" >/dev/null || die "${tool} is missing; apt-get install ${tool}"
  done
  WORK="$(mktemp -d "${TMPDIR:-/tmp}/check_deb.XXXXXX")"
  MACHINE="${WORK}/machine"
  trap 'rm -rf --one-file-system "${WORK}"' EXIT
  build
  make_machine
  say 'Installing it'
  inside dpkg -i /package.deb
  inside secalloc doctor || say 'this machine keeps no secrets: what follows may fail'
  say 'The quickstart with the packaged command'
  inside env QUICKSTART_SECALLOC=/usr/bin/secalloc /sources/examples/quickstart.sh
  say 'A program as the systemd drop-in starts it'
  run_as_service
  say 'Removing it'
  inside dpkg --purge secure-alloc
  [[ -z "$(find "${MACHINE}/usr" -name '*secalloc*' -o -name '*secure_alloc*')" ]] ||
    die 'the package leaves files behind'
  say 'PASSED'
}

main
