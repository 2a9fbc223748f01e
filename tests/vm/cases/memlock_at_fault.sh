#!/usr/bin/env bash
# RLIMIT_MEMLOCK where the kernel charges secret pages to the user at the fault, and kills by SIGBUS
# who touches one too many: the library never gets there.
source tests/limits/lib.sh

ROUNDS=2

# What the kernel does without the library.
tell_behaviour() {
  local user root
  root=$(kernel_facts charge)
  user=$(setpriv --reuid=65534 --regid=65534 --clear-groups kernel_facts charge)
  echo "this kernel charges a user's secret pages: $user"
  echo "this kernel charges root's secret pages: $root"
  USER_CHARGED=$user
}

test_doctor() {
  local accounting='at mmap'
  [[ $USER_CHARGED != 'at the fault'* ]] || accounting='at the first touch'
  run setpriv --reuid=65534 --regid=65534 --clear-groups secalloc doctor
  fact "secalloc doctor knows that it is charged $accounting" printed "accounting *$accounting"
}

show() { sed 's/^/       /' "$OUT"; }

# run_loop WHO LIMIT OPTIONS
run_loop() {
  local title="$1, memlock $2, $3"
  run "$1" "$2" under "$3" memlock_loop "$ROUNDS"
  echo "       $title:"
  show
  fact "$title: no signal, nothing lost" succeeded
  fact "$title: every object and child is good" printed '^wrong: 0$'
}

loop() {
  run_loop "$@"
  fact "... there were secrets" printed '^allocated: [1-9]'
}

test_user() {
  local limit
  run unprivileged 0 under fallback=locked "$PROBE" secret 100 1
  fact "memlock 0: ENOMEM" printed 'secret 100: 0 of 1, none ENOMEM'
  fact "... one line names limit and fix" said_once 'RLIMIT_MEMLOCK.*ulimit -l'
  for limit in 64K 1M 8M; do
    loop unprivileged "$limit" fallback=locked
    loop unprivileged "$limit" fallback=none
  done
  fact "fallback=none: all of it is secret" printed 'weakest: secret$'
  loop unprivileged 1M fallback=none,budget=64M
  fact "more budget than limit: it is refused by the kernel" printed 'refused: [1-9]'
  fact "... one line names limit and fix" \
    grep -q 'a secret allocation failed.*RLIMIT_MEMLOCK.*ulimit -l' "$ERR"
  loop unprivileged 8M fallback=locked,budget=7M
  fact "no room for a copy: fork says EAGAIN" printed '[1-9][0-9]* refused$'
}

# A program that nobody wrote for this: it works, or fails by its own error handling.
test_openssl() {
  local limit
  for limit in 0 64K; do
    run unprivileged "$limit" under fallback=locked openssl genrsa 1024
    fact "openssl, memlock $limit: no crash" no_crash
    fact "... one line" said_once 'a secret allocation failed'
  done
  run unprivileged 8M under fallback=none openssl genrsa 1024
  fact "openssl, memlock 8M: it makes a key" succeeded
}

# CAP_IPC_LOCK: what can't be secret can still be locked.
test_root() {
  local limit
  for limit in 0 64K 1M; do
    loop as_root "$limit" fallback=locked
  done
  [[ $USER_CHARGED != 'at the fault'* ]] ||
    fact "root's secrets beyond the limit are locked" printed 'weakest: locked$'
  loop as_root 1M fallback=none
  run as_root 8M under fallback=locked "$PROBE" secret 4000 1200 fork secret 8 1
  echo "       root, memlock 8M, 4.7 MiB of secrets: $(grep '^fork' "$OUT")"
}

# Two processes of one user share the limit, though each believes it has all of it: whoever comes
# later may get nothing.
test_two_processes() {
  local other
  unprivileged 1M under fallback=none memlock_loop 4 >"$WORK/other" 2>/dev/null &
  other=$!
  run_loop unprivileged 1M fallback=none
  fact "... and the other process of this user is well too" wait "$other"
  fact "... there were secrets in one of them" grep -q '^allocated: [1-9]' "$OUT" "$WORK/other"
}

tell_behaviour
fact "the kernel's way with the limit is one of the two that are known" \
  grep -qE '^at (mmap EAGAIN|the fault SIGBUS, FaultIn EFAULT)$' <<<"$USER_CHARGED"
test_doctor
test_user
test_openssl
test_root
test_two_processes
summary
