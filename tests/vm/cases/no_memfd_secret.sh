#!/usr/bin/env bash
# A kernel whose memfd_secret(2) was not turned on, or was turned off, at boot.
source tests/limits/lib.sh

test_fallback() {
  run under fallback=locked "$PROBE" secret 100 50 secret 100000 2 status VmLck
  fact "secrets are locked" printed 'secret 100: 50 of 50, locked$'
  fact "... large ones too" printed 'secret 100000: 2 of 2, locked$'
  fact "... one line names the cause and the fix" \
    said_once 'locked memory.*no memfd_secret(2).*secretmem.enable=1'
  fact "... memory is locked" status_is VmLck -gt 0
  fact "... it is counted" figure_is degraded_arenas -gt 0

  run unprivileged 8M under fallback=locked "$PROBE" secret 100 50 forks 2 secret 100 50
  fact "a user's secrets are locked" printed 'secret 100: 50 of 50, locked$'
  fact "... and a child's" printed_lines 2 'fork: exit 0'

  run under fallback=none "$PROBE" secret 100 50
  fact "fallback=none: ENOMEM" printed 'secret 100: 0 of 50, none ENOMEM'
  fact "... one line names the cause" said_once 'failed: this kernel has no memfd_secret(2)'
}

# Before 6.5 it is off unless turned on; later ones were told to turn it off.
fix_by_command_line() {
  if grep -q 'secretmem.enable=0' /proc/cmdline; then
    echo 'take secretmem.enable=0 off the kernel.s command line'
  else
    echo 'add secretmem.enable=1 to the kernel.s command line'
  fi
}

test_doctor() {
  run secalloc doctor
  fact "secalloc doctor: exit status 1" test "$STATUS" = 1
  fact "... secret memory is missing" printed 'missing *secret_memory *memfd_secret: ENOSYS'
  fact "... and the exact fix" printed "fix:.*$(fix_by_command_line)"
}

test_fallback
test_doctor
summary
