#!/usr/bin/env bash
# The tracers' lines of docs/probes.md, as they are typed: tracers_test.sh DOCUMENT REFUSE LIBRARY
# A program is started over and over until the tracer has seen what it does.
set -euo pipefail

DOCUMENT="$1"
REFUSE="$(realpath "$2")"
WORK="$(mktemp -d)"
LIBRARY="${WORK}/traced.so"  # perf knows libraries by their place
STATUS=0
TRACER=''

skip() {
  echo "SKIP: machine: $1"
  exit 0
}

# Others' events of the same name would go as well: a test for a machine of its own.
clean_up() {
  [[ -z "${TRACER}" ]] || kill "${TRACER}" 2>/dev/null || true
  [[ "$(perf probe --list 2>/dev/null)" != *"${LIBRARY}"* ]] ||
    perf probe -q --del 'sdt_secure_alloc:*' || true
  rm -rf "${WORK}"
}

# line_of WORD: the document's line that begins so, of those that name a tracer.
line_of() {
  sed -n "s/^    \($1 .*\)/\1/p" "${DOCUMENT}"
}

# seen PATTERN: in what the tracer prints; perf prints at its end.
seen() {
  grep -qE -- "$1" "${WORK}/out"
}

# traces NAME SCRIPT PATTERN COMMAND...: the script's tracer sees the pattern while COMMAND runs.
traces() {
  local name="$1" script="$2" pattern="$3" deadline=$((SECONDS + 60))
  : >"${WORK}/out"
  shift 3
  [[ -n "${script}" ]] || { echo "FAILED: ${DOCUMENT} has no line of ${name}"; STATUS=1; return; }
  script="cd ${WORK}; LIBRARY=${LIBRARY} PID=${SLEEPER-}; ${script}"
  timeout -s INT 90 bash -euc "${script}" >"${WORK}/out" 2>&1 </dev/null &
  TRACER=$!
  while ((SECONDS < deadline)) && kill -0 "${TRACER}" 2>/dev/null && ! seen "${pattern}"; do
    "$@" >"${WORK}/log" 2>&1 || true
    sleep 0.5
  done
  kill -INT -- "${TRACER}" 2>/dev/null || true
  wait "${TRACER}" || true
  TRACER=''
  if seen "${pattern}"; then
    echo "ok: ${name}"
  else
    echo "FAILED: ${name} does not say '${pattern}': ${script}"
    tail -n 10 "${WORK}/out"
    STATUS=1
  fi
}

[[ "${EUID}" == 0 ]] || skip 'tracing needs root'
grep -qs uprobe_events <<<"$(ls /sys/kernel/tracing /sys/kernel/debug/tracing 2>/dev/null)" ||
  skip 'this kernel has no uprobes, or tracefs is not mounted'
trap clean_up EXIT
export HOME="${WORK}/home"  # of perf's list of libraries
mkdir "${HOME}"
cp "$3" "${LIBRARY}"
cat >"${WORK}/program.c" <<'END'
#include <stdlib.h>
#include <unistd.h>
int main(int count, char **words) {
  char *object = malloc(8);
  if (count > 1) sleep(atoi(words[1]));
  malloc(1 << 30);
  free(object);
  free(object);
}
END
cc -O0 -w -o "${WORK}/program" "${WORK}/program.c"

UNDER=(env LD_PRELOAD="${LIBRARY}" SECALLOC_OPTIONS=scope=all,budget=1M)
# No memfd_secret(2): an arena of secrets that is less than the first choice.
traces bpftrace "$(line_of bpftrace)" '^[0-9]+: 38$' \
  "${REFUSE}" memfd_secret ENOSYS -- "${UNDER[@]}" true
traces perf "$(line_of perf | sed 's/ -a$/ -a -o data -- sleep 3; perf script -i data/')" \
  'sdt_secure_alloc:fault:.* arg1=' "${UNDER[@]}" "${WORK}/program"
"${UNDER[@]}" "${WORK}/program" 10 >"${WORK}/log" 2>&1 &
SLEEPER=$!
traces gdb "$(line_of gdb | sed 's/\bPID\b/$PID/')" '^(Thread .* hit )?Breakpoint 1, .*Refused' \
  sleep 1
exit "${STATUS}"
