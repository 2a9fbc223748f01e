#!/usr/bin/env bash
# What the library costs and takes, in one table: bench/figures.sh [OPTION...] [PART...]
#
#   malloc        malloc's patterns under glibc, the library and other allocators
#   instructions  instructions of a malloc and free pair, counted by valgrind
#   secret        secret objects against ordinary ones of the same library
#   start         starting and ending /bin/true
#   fork          a fork with secrets in use
#   tls           TLS handshakes of openssl s_server and nginx
#   programs      secret arenas and pages of real servers, and their resident memory
#
#   --repeat N    repetitions of each time (default 5)
#   --quick       one repetition of next to nothing: to see that it works
#   --bin DIR     use the programs built in DIR, build nothing
#   --list        names of the parts
#
# Without a PART: all of them, about five minutes. Builds with Bazel first; writes nothing into the
# tree. Progress goes to standard error. Times are taken by turns, without and with the library, N
# times or a multiple of N; the table has the medians, of the ratios too. Counts are taken once.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
source "${ROOT}/tests/servers/servers.sh"
source "${ROOT}/bench/parts.sh"

PARTS=(malloc instructions secret start fork tls programs)
REPEAT=5
QUICK=0
BIN=''

say() {
  printf '%s\n' "$*" >&2
}

die() {
  say "figures: $*"
  exit 1
}

need() {
  command -v "$1" >/dev/null || die "there is no $1; apt-get install $2"
}

read_options() {
  local parts=()
  while (($# > 0)); do
    case "$1" in
      --repeat) REPEAT="${2-}"; shift ;;
      --bin) BIN="${2-}"; shift ;;
      --quick) QUICK=1; REPEAT=1 ;;
      --list) printf '%s\n' "${PARTS[@]}"; exit 0 ;;
      -*) die "no option '$1'; there are --repeat N, --quick, --bin DIR and --list" ;;
      *) [[ " ${PARTS[*]} " == *" $1 "* ]] || die "no part '$1'; there are ${PARTS[*]}"
         parts+=("$1") ;;
    esac
    shift || die 'the last option needs a value'
  done
  [[ "${REPEAT}" =~ ^[1-9][0-9]*$ ]] || die "--repeat needs a number, not '${REPEAT}'"
  ((${#parts[@]} == 0)) || PARTS=("${parts[@]}")
}

build() {
  [[ -z "${BIN}" ]] || return 0
  say '== Building'
  (cd "${ROOT}" && bazel build //bench/micro:programs //preload:libsecure_alloc_preload.so) ||
    die 'the build failed; its messages are above. tools/install_deps.sh installs what it needs'
  BIN="${ROOT}/bazel-bin"
}

# Servers with users of their own must reach the library: a build tree may be closed to them.
install_library() {
  WORK="$(mktemp -d /tmp/figures.XXXXXX)"
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  chmod 0711 "${WORK}"
  LIBRARY="${WORK}/libsecure_alloc_preload.so"
  install -m 0755 "${BIN}/preload/libsecure_alloc_preload.so" "${LIBRARY}"
  MICRO="$(cd "${BIN}" && pwd)/bench/micro"
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

# Lines of FIGURE, UNIT, VARIANT and VALUE become records of the part.
record() {
  sed "s/^/$1\t/" >>"${RECORDS}"
}

# quick_or QUICK FULL: how many, how long.
quick_or() {
  if ((QUICK)); then echo "$1"; else echo "$2"; fi
}

describe_machine() {
  local commit
  commit="$(git -C "${ROOT}" describe --always --dirty 2>/dev/null)" || commit='not in a clone'
  printf 'commit %s; kernel %s; %s; %s CPUs, %s; load %s\n\n' "${commit}" "$(uname -r)" \
    "$(g++ --version 2>/dev/null | head -n 1)" "$(nproc)" \
    "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)" "$(cut -d ' ' -f 1-3 /proc/loadavg)"
}

main() {
  local part
  read_options "$@"
  unset LD_PRELOAD SECALLOC_OPTIONS
  build
  install_library
  for part in "${PARTS[@]}"; do
    "measure_${part}"
  done
  describe_machine
  "${SERVER_PYTHON}" -B "${ROOT}/bench/table.py" "${RECORDS}"
}

main "$@"
