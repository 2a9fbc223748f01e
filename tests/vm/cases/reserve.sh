#!/usr/bin/env bash
# Reservations on this kernel: what is promised is had without a system call, a page fault or a
# failure, and what can't be had is refused beforehand.
source tests/limits/lib.sh

# As root and as a user, each with more budget than limit.
test_limit() {
  local who
  for who in unprivileged as_root; do
    run "$who" 1M under budget=64M memlock_reserve
    cat "$OUT"
    fact "$who, memlock 1M: reservations keep their word" succeeded
  done
}

test_promises() {
  run env SECALLOC_OPTIONS=budget=64M reserve_test
  fact "no system call, no page fault, no failure (reserve_test)" succeeded
  fact "... of all its tests" printed '\[  PASSED  \] [1-9][0-9]* tests'
  grep -B5 '^\[  FAILED' "$OUT" || true
}

ulimit -l unlimited
test_limit
test_promises
summary
