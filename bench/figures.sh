#!/usr/bin/env bash
# What the library costs and takes, in one table: bench/figures.sh [OPTION...] [PART...]
#
#   malloc        malloc's patterns under glibc, the library and other allocators
#   instructions  instructions of a malloc and free pair, counted by valgrind
#   secret        secret objects against ordinary ones of the same library, and against libsodium,
#                 OpenSSL's secure heap and libgcrypt
#   growth        10,000 new secrets: a page's cost, the other CPU's slow-down, the direct map
#   start         starting and ending /bin/true
#   fork          a fork with secrets in use
#   tls           TLS handshakes of openssl s_server and nginx
#   programs      secret files and pages of real servers, and their resident memory
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

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "${ROOT}/bench/parts.sh"

PARTS=(malloc instructions secret growth start fork tls programs)
REPEAT=5

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

main() {
  local part
  read_options "$@"
  set_up //bench/micro:programs
  MICRO="${BIN}/bench/micro"
  for part in "${PARTS[@]}"; do
    "measure_${part}"
  done
  describe_machine
  "${SERVER_PYTHON}" -B "${ROOT}/bench/table.py" "${RECORDS}"
}

main "$@"
