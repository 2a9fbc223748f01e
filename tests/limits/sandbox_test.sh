#!/usr/bin/env bash
# Sandboxes that refuse what the library asks of the kernel: less may be had, nothing
# breaks. What the dynamic loader itself can't do without (mmap, mprotect) is not here.
source tests/limits/lib.sh

test_refused() {
  local call=$1 error=$2
  run refusing "$call" "$error" fallback=plain "$PROBE" secret 100 200 churn secret 300000 8 free \
    churn secret 5000 100
  fact "$call refused with $error: no crash" succeeded
  fact "$call refused with $error: no ordinary allocation fails" printed_lines 2 'churn: 0 refused'
  fact "$call refused with $error: no secret fails" printed_lines 3 'secret .*: \([0-9]*\) of \1, '
  fact "$call refused with $error: a line at most" test "$(wc -l <"$ERR")" -le 1
  run refusing "$call" "$error" fallback=locked "$PROBE" secret 100 200 fork intact secret 100 1
  fact "$call refused with $error: a child is refused or whole" \
    printed '^fork: \(exit 0\|EAGAIN\)$'
}

for call in madvise mlock getrandom mremap; do
  test_refused "$call" EPERM
done
for call in mlock getrandom prlimit64 capget sysinfo; do
  test_refused "$call" ENOSYS
done

# A limit that sends a signal. Sandboxes set it to 0 so that nothing is written; a pipe can be.
without_files() {
  prlimit --fsize=0:0 -- env LD_PRELOAD="$LIBRARY" SECALLOC_OPTIONS="$1" "${@:2}" 2>&1 | cat
}
run without_files "" "$PROBE" secret 100 50 fork intact secret 100 50
fact "RLIMIT_FSIZE=0: secrets can be had, by a lock at least" \
  printed_lines 2 'secret 100: 50 of 50, \(secret\|locked\)$'
fact "RLIMIT_FSIZE=0: a child as well" printed 'fork: exit 0'
run without_files fallback=none "$PROBE" secret 100 50 status VmRSS
fact "RLIMIT_FSIZE=0, none: no signal ends the program" printed 'VmRSS'
summary
