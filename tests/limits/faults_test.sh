#!/usr/bin/env bash
# The Nth system call about memory that the library makes fails, for every N until the program runs
# through untouched: no crash, no secret in plain memory, nothing lost.
# $4, $5: inject, faults_probe.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
INJECT=$(realpath "$4")
cp -L "$5" "$WORK/faults_probe"

# An orderly end: success, or a failure that the program speaks of. What the library says then is
# one of its lines.
orderly() { succeeded || { failed_orderly && [[ -s $ERR ]]; }; }
not_degraded() { [[ ! -e $STATS ]] || figure_is degraded_allocations -eq 0; }
whole() { orderly && not_degraded; }

# sweep NAME SECONDS COMMAND...: where every N would take longer, every second one, or third ...
# FAULT_SECONDS=100000 in the environment tries them all.
sweep() {
  local name=$1 limit=${FAULT_SECONDS:-$2} nth total step tried=0 injected=() bad='' start
  shift 2
  injected=(libsecure_alloc_preload "$WORK/count" -- under fallback=locked)
  start=${EPOCHREALTIME/./}
  run "$INJECT" 0 "${injected[@]}" "$@"
  fact "$name: runs untouched" succeeded
  total=$(<"$WORK/count")
  step=$((1 + total * (${EPOCHREALTIME/./} - start) / (limit * 1000000)))
  for ((nth = 1; nth <= total; nth += step)); do
    run "$INJECT" "$nth" "${injected[@]}" "$@"
    tried=$((tried + 1))
    if ! whole; then
      bad+=" $nth"
      printf 'call %s: exit status %s\n' "$nth" "$STATUS"
      grep -h FAILED "$OUT" || true
      head -n 3 "$ERR"
    fi
  done
  echo "       $name: $total calls, $tried of them made to fail, each in a run"
  fact "$name: whichever call fails, it ends in order (not:${bad:- none})" [ -z "$bad" ]
  fact "$name: calls were made to fail" [ "$tried" -ge 20 ]
}

sweep probe 15 "$WORK/faults_probe"
sweep openssl 15 openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256
sweep python3 20 /usr/bin/python3 -I -S -c '
import hashlib, os, _ssl
_ssl._SSLContext(16)
child = os.fork()
hashlib.sha256(b"x" * 5000).digest()
child and os.waitpid(child, 0)'
summary
