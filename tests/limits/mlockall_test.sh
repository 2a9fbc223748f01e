#!/usr/bin/env bash
# mlockall(2): the reserved address space counts against an unprivileged limit, but is
# never made memory.
source tests/limits/lib.sh
need_root "locking without limit"

SMALL_KIB=$((64 << 10))

test_root() {
  local flags
  for flags in current future both; do
    run under "" "$PROBE" mlockall "$flags" secret 100 1000 churn secret 300000 8 free \
      status VmRSS fork secret 100 100 churn
    fact "root, $flags: works" printed 'mlockall: ok'
    fact "root, $flags: no crash" succeeded
    fact "root, $flags: secrets are secret" printed 'secret 100: 1000 of 1000, secret$'
    fact "root, $flags: large ones too" printed 'secret 300000: 8 of 8, secret$'
    fact "root, $flags: no allocation fails" printed_lines 2 'churn: 0 refused'
    fact "root, $flags: a child works" printed 'fork: exit 0'
  done
  run under "" "$PROBE" mlockall both secret 100 100 status VmRSS
  fact "root: resident memory stays small" status_is VmRSS -lt "$SMALL_KIB"
  run under "" "$PROBE" secret 300000 4 churn mlockall both free churn secret 300000 4
  fact "root: what was mapped before can be freed" succeeded
}

test_unprivileged() {
  run unprivileged 8M under "" "$PROBE" mlockall current secret 100 1000 churn
  fact "8 MiB, current: ENOMEM, the reservation counts" printed 'mlockall: ENOMEM'
  fact "8 MiB, current: all goes on as before" printed 'secret 100: 1000 of 1000, secret$'
  fact "8 MiB, current: no allocation fails" printed 'churn: 0 refused'
  local flags
  for flags in future both; do
    run unprivileged 8M under "" "$PROBE" mlockall "$flags" secret 100 100 churn secret 300000 8 \
      free churn fork secret 100 1
    fact "8 MiB, $flags: no crash" succeeded
    fact "8 MiB, $flags: small secrets can be had" printed 'secret 100: 100 of 100'
  done
}

test_root
test_unprivileged
summary
