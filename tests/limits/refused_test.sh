#!/usr/bin/env bash
# memfd_secret(2) refused, by an old kernel or a sandbox: the fallback ladder, stated.
source tests/limits/lib.sh

cause_of() {
  case $1 in
    ENOSYS) echo "this kernel has no memfd_secret(2)" ;;
    EPERM) echo "a sandbox refuses memfd_secret(2)" ;;
  esac
}

test_refusal() {
  local error=$1 cause
  cause=$(cause_of "$error")
  run refusing memfd_secret "$error" fallback=locked "$PROBE" secret 100 50 status VmLck free
  fact "$error: secrets are locked" printed 'secret 100: 50 of 50, locked$'
  fact "$error: one line names the cause" said_once "locked memory.*$cause"
  fact "$error: memory is locked" status_is VmLck -gt 0
  fact "$error: it is counted" figure_is degraded_arenas -gt 0

  run refusing memfd_secret "$error" fallback=none "$PROBE" secret 100 50
  fact "$error, none: ENOMEM" printed 'secret 100: 0 of 50, none ENOMEM'
  fact "$error, none: one line names the cause" said_once "failed: $cause"
  fact "$error, none: it is counted" figure_is refused_allocations -eq 1

  run refusing memfd_secret "$error" fallback=locked openssl genrsa 2048
  fact "$error: openssl makes a key" succeeded
  fact "$error: openssl says it once" said_once "$cause"

  run refusing memfd_secret "$error" fork=copy "$PROBE" secret 100 1 \
    fork intact secret 100 1 status VmLck
  fact "$error: a forked child's secrets are locked again" status_is VmLck -gt 0
  fact "$error: ... and whole" printed 'fork: exit 0'
  run refusing memfd_secret "$error" fork=copy "$PROBE" secret 100 1 secret 300000 3 \
    forks 2 intact secret 300000 1 status VmLck
  fact "$error: ... large ones with guards between them too" printed_lines 2 'fork: exit 0'
  fact "$error: ... and are locked" printed_lines 2 'VmLck [1-9][0-9][0-9]'
  run refusing memfd_secret "$error" fork=deny "$PROBE" secret 100 1 secret 300000 3 \
    forks 2 secret 300000 1
  fact "$error: fork=deny with locked secrets" printed_lines 2 'fork: exit 0'
}

test_plain() {
  need_root "a user without privileges"
  run unprivileged 0 under fallback=plain "$REFUSE" memfd_secret ENOSYS -- "$PROBE" secret 100 50
  fact "nothing can be locked, plain: works" printed 'secret 100: 50 of 50, plain'
  fact "nothing can be locked, plain: one line" said_once "ordinary memory"
  fact "nothing can be locked, plain: counted" figure_is degraded_allocations -eq 50
  run unprivileged 0 under fallback=plain "$PROBE" secret 100 50
  fact "memlock 0, plain: works" printed 'secret 100: 50 of 50, plain'
  fact "memlock 0, plain: one line" said_once "ordinary memory.*RLIMIT_MEMLOCK"
}

test_refusal ENOSYS
test_refusal EPERM
test_plain
summary
