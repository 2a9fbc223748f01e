#!/usr/bin/env bash
# Small programs have little of the library's code in memory: resident_test.sh LIBRARY EXECUTED.PY
#
# The kernel maps 64 KiB round a page that faults. What programs execute lies in the first 64 KiB of
# the text (tools/bazel/text_order), so another 64 KiB become resident with the first function that
# doesn't.
set -euo pipefail

LIBRARY="$(realpath "$1")"
LOOK="$(realpath "$2")"
# KiB that are only read: of text 64, of what is not executed 64, and the page that is read-only
# once it was relocated. The kernel doesn't map beyond a table of pages (2 MiB of addresses), so it
# costs more if the library comes to lie across: the best of some runs counts.
BOUND=140
RUNS=5
WORK="$(mktemp -d)"
trap 'rm -rf "${WORK}"' EXIT
status=0

fail() {
  printf 'FAILED: %s. If functions are new or have new names: tools/order_text.sh\n' "$*"
  status=1
}

# KiB of the library in a process's memory, but for what is written.
resident_of() {
  awk -v library="${LIBRARY}" '
    /^[0-9a-f]+-/ { ours = $2 ~ /^r-/ && substr($0, length($0) - length(library) + 1) == library }
    ours && $1 == "Rss:" { sum += $2 }
    END { print sum + 0 }' "/proc/$1/smaps"
}

# resident_in COMMAND...: while the command, which answers a line by a line, waits for another.
resident_in() {
  local from to
  coproc PROGRAM { exec env "LD_PRELOAD=${LIBRARY}" "$@"; }
  from="${PROGRAM[0]}" to="${PROGRAM[1]}"
  echo ready >&"${to}"
  read -r <&"${from}"
  resident_of "${PROGRAM_PID}"
  exec {to}>&-
  wait "${PROGRAM_PID}"
}

# Functions behind the first 64 KiB: "ADDRESS NAME".
functions_behind() {
  nm --defined-only "${LIBRARY}" |
    awk '$2 ~ /[tTwW]/ && $1 >= "0000000000010000" { print $1, $3 }'
}

# Those that a command executes; the end, too, which no look at a living process shows.
executed_behind() {
  : >"${WORK}/executed"
  LIBRARY="${LIBRARY}" SECTIONS="${WORK}/behind" EXECUTED="${WORK}/executed" FOLLOW=parent \
    gdb -q -batch -nx -x "${LOOK}" --args "$@" </dev/null >"${WORK}/log" 2>&1 || true
  grep -q 'exited normally' "${WORK}/log" || { cat "${WORK}/log"; fail "gdb can't run $1"; }
  sort -u "${WORK}/executed"
}

expect_small() {
  local run least='' size
  for ((run = 0; run < RUNS; ++run)); do
    size="$(resident_in "$@")"
    [[ -n "${least}" ]] && ((least <= size)) || least="${size}"
  done
  echo "$1: ${least} KiB of ${BOUND}"
  ((least > 0)) || fail "$1 has nothing of the library in memory"
  ((least <= BOUND)) || fail "$1 has ${least} KiB of the library in memory, and may have ${BOUND}"
}

expect_nothing_behind() {
  local functions
  functions="$(executed_behind "$@")"
  [[ -z "${functions}" ]] || fail "$1 executes functions behind the first 64 KiB:" ${functions}
}

[[ "$(getconf PAGESIZE)" == 4096 ]] ||
  { echo "SKIP: machine: pages of $(getconf PAGESIZE) bytes, counted for 4096"; exit 0; }
functions_behind >"${WORK}/behind"
expect_small cat
expect_small /usr/bin/python3 -c 'import json, sys; print(input(), flush=True); sys.stdin.read()'
expect_nothing_behind /bin/true
exit "${status}"
