#!/usr/bin/env bash
# What the commands of bench/ share. Source it first, and call set_up once the options are read.
#
#   say, die, need PROGRAM PACKAGE   messages on standard error
#   quick_or QUICK FULL              by QUICK, which the option --quick sets
#   set_up TARGET...                 builds with Bazel, unless BIN says where the programs are;
#                                    sets WORK, which goes away at the end with all servers,
#                                    LIBRARY, a copy that all users can read, and RECORDS
#   find_variants [NAME=PATH...]     sets VARIANTS and PRELOAD_OF: glibc (base), ours, the others
#                                    that are installed, and those named
#   preloading VARIANT COMMAND...    runs it with that malloc
#   record PART                      lines of FIGURE, UNIT, VARIANT and VALUE become records
#   describe_machine                 commit, kernel, compiler, CPUs, load

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
source "${ROOT}/tests/servers/servers.sh"

QUICK=0
BIN=''
declare -A PRELOAD_OF
VARIANTS=()
# Debian's packages for these: libjemalloc2, libmimalloc2.0, libtcmalloc-minimal4 and
# libclang-rt-19-dev, which the linker's cache doesn't know.
PEERS=(jemalloc=libjemalloc.so.2 mimalloc=libmimalloc.so.2 tcmalloc=libtcmalloc_minimal.so.4
  "scudo=/usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.scudo_standalone-$(uname -m).so")

say() {
  printf '%s\n' "$*" >&2
}

die() {
  say "$(basename "$0" .sh): $*"
  exit 1
}

need() {
  command -v "$1" >/dev/null || die "there is no $1; apt-get install $2"
}

quick_or() {
  if ((QUICK)); then echo "$1"; else echo "$2"; fi
}

# Servers with users of their own must reach the library: a build tree may be closed to them.
set_up() {
  unset LD_PRELOAD SECALLOC_OPTIONS
  if [[ -z "${BIN}" ]]; then
    say '== Building'
    (cd "${ROOT}" && bazel build "$@" //preload:libsecure_alloc_preload.so) ||
      die 'the build failed; its messages are above. tools/install_deps.sh installs what it needs'
    BIN="${ROOT}/bazel-bin"
  fi
  BIN="$(cd "${BIN}" && pwd)"
  WORK="$(mktemp -d "/tmp/$(basename "$0" .sh).XXXXXX")"
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  chmod 0711 "${WORK}"
  LIBRARY="${WORK}/libsecure_alloc_preload.so"
  install -m 0755 "${BIN}/preload/libsecure_alloc_preload.so" "${LIBRARY}"
  RECORDS="${WORK}/records"
  : >"${RECORDS}"
}

clean_up() {
  local status=$?
  trap '' INT TERM
  rm -f "${WORK}"/*/*/hold
  stop_servers
  rm -rf "${WORK}"
  exit "${status}"
}

# installed_library NAME: its path, or nothing.
installed_library() {
  ldconfig -p | awk -v name="$1" '$1 == name && !found { print $NF; found = 1 }'
}

find_variants() {
  local peer path
  VARIANTS=(base ours)
  PRELOAD_OF=([base]='' [ours]="${LIBRARY}")
  for peer in "${PEERS[@]}"; do
    path="${peer#*=}"
    [[ "${path}" == /* ]] || path="$(installed_library "${path}")"
    [[ ! -e "${path}" ]] || add_variant "${peer%%=*}" "${path}"
  done
  for peer in "$@"; do
    [[ -e "${peer#*=}" ]] || die "${peer}: no file ${peer#*=}"
    add_variant "${peer%%=*}" "$(realpath "${peer#*=}")"
  done
}

add_variant() {
  [[ -z "${PRELOAD_OF[$1]+x}" ]] || die "two allocators are called $1"
  VARIANTS+=("$1")
  PRELOAD_OF["$1"]="$2"
}

preloading() {
  env LD_PRELOAD="${PRELOAD_OF[$1]}" "${@:2}"
}

record() {
  sed "s/^/$1\t/" >>"${RECORDS}"
}

describe_machine() {
  local commit
  commit="$(git -C "${ROOT}" describe --always --dirty 2>/dev/null)" || commit='not in a clone'
  printf 'commit %s; kernel %s; %s; %s CPUs, %s; load %s\n\n' "${commit}" "$(uname -r)" \
    "$(g++ --version 2>/dev/null | sed -n 1p)" "$(nproc)" \
    "$(sed -n '0,/^model name/s/^model name.*: //p' /proc/cpuinfo)" \
    "$(cut -d ' ' -f 1-3 /proc/loadavg)"
}
