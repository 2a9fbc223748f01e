#!/usr/bin/env bash
# RLIMIT_MEMLOCK of a user without privileges: none at all, and the usual 8 MiB.
source tests/limits/lib.sh
need_root "a user without privileges"

PYTHON_TLS='import ssl, hashlib
ssl.create_default_context()
print(hashlib.sha256(b"x").hexdigest())'

test_nothing_lockable() {
  run unprivileged 0 under fallback=locked "$PROBE" secret 100 1
  fact "memlock 0: ENOMEM" printed 'secret 100: 0 of 1, none ENOMEM'
  fact "memlock 0: one line names limit and fix" said_once 'RLIMIT_MEMLOCK.*ulimit -l'
  for program in "openssl genrsa 2048" "/usr/bin/python3 -c"; do
    local arguments=()
    [[ $program == *python3* ]] && arguments=("$PYTHON_TLS")
    # shellcheck disable=SC2086  # The program's own arguments.
    run unprivileged 0 under fallback=locked $program "${arguments[@]}"
    fact "memlock 0: $program does not crash" no_crash
    fact "memlock 0: $program: one line" said_once 'a secret allocation failed: .*RLIMIT_MEMLOCK'
    # shellcheck disable=SC2086
    run unprivileged 0 under fallback=plain $program "${arguments[@]}"
    fact "memlock 0, plain: $program works" succeeded
    fact "memlock 0, plain: $program: one line" said_once 'ordinary memory'
  done
}

test_usual_limit() {
  run unprivileged 8M under fallback=locked "$PROBE" secret 100 1
  fact "memlock 8M: secrets are secret" printed 'secret 100: 1 of 1, secret$'
  fact "memlock 8M: the budget keeps room for a copy" figure_is budget_bytes -eq $((4 << 20))
  fact "memlock 8M: nothing to say" silent
  run unprivileged 8M under fork=deny "$PROBE" secret 100 1
  fact "memlock 8M, fork=deny: no copy, no room for it" figure_is budget_bytes -eq $((8 << 20))

  run unprivileged 8M under fallback=locked "$PROBE" secret 4000 2000 free secret 4000 600
  fact "the budget is spent: ENOMEM" printed 'secret 4000: [0-9]* of 2000, secret ENOMEM'
  fact "... and what is freed makes room again" printed 'secret 4000: 600 of 600, secret$'
  fact "... one line" said_once 'a secret allocation failed: the budget or RLIMIT_MEMLOCK'
  fact "... the budget was kept" figure_is high_water_bytes -le $((4 << 20))
  fact "... and well used" figure_is high_water_bytes -ge $((3 << 20))

  run unprivileged 8M under fallback=plain "$PROBE" secret 4000 2000 free secret 4000 600
  fact "the budget is spent, plain: works on" printed 'secret 4000: 2000 of 2000, plain$'
  fact "... and is secret again when there is room" printed 'secret 4000: 600 of 600, secret$'

  run unprivileged 8M under fallback=locked "$PROBE" secret 300000 1000 free secret 300000 4
  fact "large secrets: ENOMEM" printed 'secret 300000: [0-9]* of 1000, secret ENOMEM'
  fact "... and room again" printed 'secret 300000: 4 of 4, secret$'
}

test_fork() {
  run unprivileged 8M under fork=copy "$PROBE" secret 4000 500 forks 3 intact secret 4000 100
  fact "within the budget every child gets its copy" printed_lines 3 'fork: exit 0'
  fact "... and secrets of its own" printed_lines 3 'secret 4000: 100 of 100, secret$'
  run unprivileged 8M under budget=7M "$PROBE" secret 4000 1300 fork secret 8 1
  fact "no room for the copy: fork says EAGAIN" printed 'fork: EAGAIN'
  fact "... one line" said_once 'fork failed.*RLIMIT_MEMLOCK'
  fact "... and the program goes on" succeeded
  run unprivileged 8M under budget=7M "$PROBE" secret 4000 1300 forkpty secret 8 1
  fact "a fork inside libc: the child ends with a fault" printed 'fork: exit -6'
  fact "... which says why" said_once 'fork: no memory for the child.s copy of the secrets'
  run unprivileged 8M under fork=copy "$PROBE" secret 4000 500 forkpty intact secret 8 1
  fact "... and is well where there is room" printed 'fork: exit 0'
  run unprivileged 8M under budget=7M,fork=deny "$PROBE" secret 4000 1300 fork secret 8 1
  fact "fork=deny needs no copy" printed 'fork: exit 0'
}

# The limit is the process's: what the program itself locks leaves less for secrets.
test_own_locks() {
  run unprivileged 8M under fallback=locked "$PROBE" lock 6 secret 4000 600 free secret 4000 100
  fact "the program locked 6 of 8 MiB: it could" printed 'lock: ok'
  fact "... secrets get the rest, then ENOMEM" printed 'secret 4000: [1-9][0-9]* of 600, .* ENOMEM'
  fact "... and room again" printed 'secret 4000: 100 of 100, secret$'
  run unprivileged 8M under fallback=locked "$PROBE" secret 4000 100 lock 3
  fact "a few secrets leave the program its own locks" printed 'lock: ok'
}

# A refused mapping must not leave a hole in the reserved space, for others to fall into.
test_no_hole() {
  run unprivileged 8M under fallback=none "$PROBE" whole 100 lock 6 secret 4000 600 whole 200
  fact "before: the reserved space is whole" status_is "whole 100:" -ge 1024
  fact "refused mappings leave no hole in it" status_is "whole 200:" -ge 1024
}

test_nothing_lockable
test_usual_limit
test_fork
test_own_locks
test_no_hole
summary
