#!/usr/bin/env bash
# Protection keys on memfd_secret(2) memory: what the processor and this kernel do.
source tests/limits/lib.sh

run kernel_facts pku
! printed 'no pku' || skip "this processor, or the kernel, has no protection keys"
cat "$OUT"
fact "a closed key: touching secret memory is SIGSEGV with SEGV_PKUERR" \
  printed '^closed: SIGSEGV SEGV_PKUERR'
fact "... the kernel may not read it either" printed 'write EFAULT'
fact "... opened again, it is as it was" printed 'opened: x$'
summary
