#!/usr/bin/env bash
# Does it build elsewhere? tools/check_ports.sh [PORT...]
#
#   clang-14 clang-16 clang-19  builds the libraries, the command and the C++ types, with the lock
#                               annotations checked; runs the tests of the types and some layers
#   aarch64                     builds the libraries and the command by Debian's cross compiler,
#                               and runs the unit tests of the layers under qemu-user
#   musl                        compiles the header in C by musl-gcc. The libraries need glibc:
#                               README.md says for what
#
# Without a PORT: all of them, twenty minutes of two processors. A port whose tools are missing
# fails with the packages to install. Builds go to a folder below TMPDIR, and leave the usual one
# alone.
# qemu-user knows no memfd_secret(2): what runs there runs on the locked fallback.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
LIBRARIES=(//allocator:all //preload:all //preload/crypto:all)
CLANG_TESTS=(//tests/cxx:secret_test //tests/cxx:containers_test //tests/cxx:domain_test
  //tests/cxx:guarded_test //tests/unit/base/... //tests/unit/slab/...)
LAYER_TESTS=(//tests/unit/{api,base,slab,pages,heap,domain,preload}/...
  -//tests/unit/pages:space_test -//tests/unit/api:reserve_test -//tests/unit/api:lockdown_test
  -//tests/unit/api:lockdown_calls_test -//tests/unit/api:lockdown_growth_test)
# qemu-user keeps a record for each page that is reserved: of the usual 1 TiB 7 GiB of memory, and
# minutes. So it has 8 GiB of address space, and the library reserves less. One test at a time, and
# not those that reserve for each case, or have a filter of system calls.
EMULATOR='qemu-aarch64 -R 0x200000000 -L /usr/aarch64-linux-gnu'
EMULATED_TIMEOUT=600
# GoogleTest starts a death test's program again, which the kernel can't do with a foreign one; the
# emulator's /proc/self/smaps is of itself, not of the program; and a limit of address space is not
# for the program, which then makes one cache after the other.
EMULATED_FILTER='-*Death*:Query.LockedMemoryOfOthers*:Query.NothingIsKnown*:Shard.*WithoutACache*'
EMULATED_FILTER+=':*WhatGaveMemoryBack*'
CROSS=aarch64-linux-gnu
GOOGLETEST=/usr/src/googletest

say() {
  printf '== %s\n' "$*"
}

die() {
  printf 'check_ports: %s\n' "$*" >&2
  exit 1
}

# need PACKAGE FILE...: files of the package that must be there.
need() {
  local file
  for file in "${@:2}"; do
    [[ -e "${file}" ]] || die "${file} is missing; apt-get install $1"
  done
}

# build_and_test COMPILER ARGUMENT...: apart from what is built here otherwise.
build_and_test() {
  bazel --output_base="${WORK}/bazel" test --symlink_prefix=/ --repo_env=CC="$1" \
    --action_env=CC="$1" --keep_going "${@:2}"
}

check_clang() {
  need "$1" "/usr/bin/$1"
  build_and_test "$1" --copt=-Wthread-safety --copt=-Werror=thread-safety "${LIBRARIES[@]}" \
    "${CLANG_TESTS[@]}"
}

# Bazel has the compiler look for its tools beside it, where a cross compiler's have other names.
make_cross_compiler() {
  local tool
  mkdir -p "${WORK}/cross" "${WORK}/lib"
  for tool in ar as ld ld.gold nm objcopy objdump strip; do
    ln -s "/usr/bin/${CROSS}-${tool}" "${WORK}/cross/${tool}"
  done
  printf '#!/bin/sh\nexec /usr/bin/%s-gcc "$@"\n' "${CROSS}" >"${WORK}/cross/cc"
  chmod 0755 "${WORK}/cross/cc"
}

# Debian has GoogleTest for the machine's own architecture, and its sources.
make_googletest() {
  local part name include=()
  for part in googletest googlemock; do
    include+=(-I"${GOOGLETEST}/${part}/include" -I"${GOOGLETEST}/${part}")
  done
  for name in googletest/src/gtest-all googletest/src/gtest_main googlemock/src/gmock-all; do
    part="$(basename "${name}" -all)"
    "${CROSS}-g++" -O1 "${include[@]}" -c "${GOOGLETEST}/${name}.cc" -o "${WORK}/lib/${part}.o"
    "${CROSS}-ar" rc "${WORK}/lib/lib${part}.a" "${WORK}/lib/${part}.o"
  done
}

check_aarch64() {
  need "g++-${CROSS}" "/usr/bin/${CROSS}-g++"
  need qemu-user /usr/bin/qemu-aarch64
  need googletest "${GOOGLETEST}/googletest/src/gtest-all.cc"
  make_cross_compiler
  make_googletest
  local PATH="${WORK}/cross:${PATH}"
  build_and_test "${WORK}/cross/cc" --linkopt=-L"${WORK}/lib" --test_timeout="${EMULATED_TIMEOUT}" \
    --run_under="${EMULATOR}" --local_test_jobs=1 \
    --test_arg=--gtest_filter="${EMULATED_FILTER}" -- "${LIBRARIES[@]}" "${LAYER_TESTS[@]}"
}

check_musl() {
  need musl-tools /usr/bin/musl-gcc
  echo '#include <secure_alloc/secure_alloc.h>' |
    musl-gcc -std=c99 -Wall -Wextra -pedantic -Werror -fsyntax-only -Iinclude -x c -
}

clean_up() {
  bazel --output_base="${WORK}/bazel" shutdown >/dev/null 2>&1 || true
  chmod -R u+w "${WORK}"  # Bazel's outputs are read-only.
  rm -rf "${WORK}"
}

main() {
  local port
  (($# > 0)) || set -- clang-14 clang-16 clang-19 aarch64 musl
  WORK="$(mktemp -d "${TMPDIR:-/tmp}/check_ports.XXXXXX")"
  trap clean_up EXIT
  cd "${ROOT}"
  for port in "$@"; do
    say "${port}"
    case "${port}" in
      clang-*) check_clang "${port}" ;;
      aarch64) check_aarch64 ;;
      musl) check_musl ;;
      *) die "no port '${port}'; there are clang-VERSION, aarch64 and musl" ;;
    esac
  done
  say 'PASSED'
}

main "$@"
