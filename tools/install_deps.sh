#!/usr/bin/env bash
# Installs the Debian 12 packages that secure_alloc needs: tools/install_deps.sh [GROUP...]
#
#   bench       what bench/compare.sh runs and compares with
#   build       Bazel, its rule sets, the compiler, the libraries that tests link
#   quickstart  what examples/quickstart.sh starts and examines
#   test        the programs that tests/run.sh runs under the library
#   vm          the emulator of tests/vm/run.sh; its kernels are fetched there
#
# Without a GROUP: all of them. What is there already costs one look and no call of apt. Services
# that come with a package are neither started nor enabled. All that it says goes to standard error:
# the output is that of the script that calls it.
set -euo pipefail

BUILD=(bazel-bootstrap bazel-platforms bazel-rules-cc bazel-rules-java bazel-rules-proto
  bazel-skylib binutils g++ libbenchmark-dev libgmock-dev libgtest-dev libseccomp-dev python3)
BENCH=(apache2-utils g++ ghostscript git libclang-rt-19-dev libjemalloc2 libmimalloc2.0
  libtcmalloc-minimal4 lua5.4 nginx-light openssl perl python3-matplotlib redis-server redis-tools
  sqlite3 z3)
QUICKSTART=(gdb openssl python3 redis-server)
TEST=(botan bpftrace bsdutils clang clang-tidy cmake coreutils curl dropbear-bin g++ gdb git gnupg
  gnutls-bin libcap2-bin libclang-rt-dev libcrypt-gcrypt-perl libgcrypt20-dev libjemalloc2
  libpython3.11-testsuite libsodium-dev libssl-dev lighttpd lighttpd-mod-mbedtls lighttpd-mod-nss
  lighttpd-mod-wolfssl linux-perf lua5.4 mandoc nginx-light openssh-client openssh-server openssl
  perl pkg-config postgresql procps python3 redis-server redis-tools sqlite3 stunnel4 util-linux
  valgrind zsh)
# Where there is no such program yet: another source's serves as well, and Debian's nodejs can't
# stand beside that.
declare -A TOOLS=([go]=golang-go [node]=nodejs [rustc]=rustc)
VM=(busybox-static openssl python3 qemu-system-x86 util-linux)
declare -A SERVICES=([lighttpd]=lighttpd [nginx-light]=nginx [openssh-server]=ssh
  [postgresql]=postgresql [redis-server]=redis-server [stunnel4]=stunnel4)
POLICY=/usr/sbin/policy-rc.d

die() {
  printf 'install_deps: %s\n' "$*" >&2
  exit 1
}

packages_of() {
  case "$1" in
    bench) printf '%s\n' "${BENCH[@]}" ;;
    build) printf '%s\n' "${BUILD[@]}" ;;
    quickstart) printf '%s\n' "${QUICKSTART[@]}" ;;
    test)
      printf '%s\n' "${TEST[@]}"
      local tool
      for tool in "${!TOOLS[@]}"; do
        command -v "${tool}" >/dev/null || printf '%s\n' "${TOOLS["${tool}"]}"
      done
      ;;
    vm) printf '%s\n' "${VM[@]}" ;;
    *) die "no group '$1'; there are bench, build, quickstart, test and vm" ;;
  esac
}

# Those of the words that are not installed; dpkg-query complains of what it never heard of.
missing_of() {
  local installed
  installed="$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
    sed -n 's/^installed //p')" || true
  comm -23 <(printf '%s\n' "$@" | sort -u) <(sort -u <<<"${installed}")
}

# While it exists, maintainer scripts start no service (invoke-rc.d(8)).
forbid_starts() {
  [[ ! -e "${POLICY}" ]] || return 0
  trap 'rm -f "${POLICY}"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"${POLICY}"
  chmod 0755 "${POLICY}"
}

# Nor are they to start with the machine.
disable_services() {
  local package service
  command -v systemctl >/dev/null || return 0
  for package in "$@"; do
    service="${SERVICES["${package}"]:-}"
    [[ -z "${service}" ]] || systemctl --quiet disable "${service}" 2>/dev/null ||
      printf 'install_deps: %s starts with the machine; not wanted? systemctl disable %s\n' \
        "${service}" "${service}" >&2
  done
}

apt() {
  DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 "$@" >&2 ||
    die "'apt-get $*' failed: its messages are above. It needs Debian 12's package source" \
      "(see /etc/apt/sources.list) and no other apt or dpkg running"
}

install() {
  local line="apt-get install -y --no-install-recommends $*"
  command -v apt-get >/dev/null ||
    die "no apt-get here. This project is made for Debian 12; install the counterparts of: $*"
  [[ "${EUID}" == 0 ]] || die "$# packages are missing, and only root can install. As root:
  apt-get update && ${line}"
  printf 'install_deps: installing %s\n' "$*" >&2
  forbid_starts
  apt update
  apt install -y --no-install-recommends "$@"
  disable_services "$@"
}

main() {
  local group words missing all=()
  (($# > 0)) || set -- bench build quickstart test vm
  for group in "$@"; do
    words="$(packages_of "${group}")"
    mapfile -t -O "${#all[@]}" all <<<"${words}"
  done
  missing="$(missing_of "${all[@]}")"
  [[ -z "${missing}" ]] || install ${missing}
}

main "$@"
