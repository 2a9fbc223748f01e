#!/usr/bin/env bash
# The arithmetic of locked memory for forking workers, docs/limits.md: secalloc doctor says there is
# room exactly when fork finds it.
source tests/limits/lib.sh

need_root "a user without privileges"
cp -L "$4" "$WORK/secalloc"
chmod 0755 "$WORK/secalloc"

# doctor LIMIT WORKERS: for workers with as many secrets as the probe has.
doctor() {
  setpriv --reuid=65534 --regid=65534 --clear-groups prlimit --memlock="$1:$1" -- \
    "$WORK/secalloc" doctor --workers="$2" --secrets="$SECRETS"
}

scope() { sed -n 's/^  [a-z]* *memlock_scope *//p' <(doctor 8388608 1); }

# probe LIMIT FORKS: each child forks the next, so that all live at once.
probe() {
  local forks=()
  while ((${#forks[@]} < $2)); do forks+=(fork); done
  unprivileged "$1" under "fallback=none,budget=8M" "$PROBE" secret 4000 200 "${forks[@]}" intact
}

run probe 8M 0
SECRETS=$(figure secret_bytes)
fact "there are secrets" test "$SECRETS" -gt 800000
ROOM=$((2 * SECRETS))

run probe "$ROOM" 1
fact "twice the secrets: room for a child's copy" printed '^fork: exit 0'
run doctor "$ROOM" 1
fact "... doctor says so" printed '^  ok *fork_copies'

if [[ $(scope) == process ]]; then
  run probe $((ROOM - 4096)) 1
  fact "a page less: fork is EAGAIN" printed '^fork: EAGAIN'
  run doctor $((ROOM - 4096)) 1
  fact "... doctor says so" printed '^  limited *fork_copies'
  run probe "$ROOM" 6
  fact "each process has the limit to itself: six at once" printed_lines 6 '^fork: exit 0'
  run doctor "$ROOM" 6
  fact "... doctor says so" printed '^  ok *fork_copies'
else
  run probe 8M 12
  fact "all share the limit: of twelve at once one is refused" printed '^fork: EAGAIN'
  run doctor 8388608 12
  fact "... doctor says so" printed '^  limited *fork_copies'
fi
summary
