#!/usr/bin/env bash
# Protection keys: what processor and kernel do, then domains that are closed by them, of secret
# memory and of locked memory.
source tests/limits/lib.sh

# closed_domains NAME [COMMAND...]: run by COMMAND.
closed_domains() {
  run "${@:2}" env LD_PRELOAD="$LIBRARY" SECALLOC_OPTIONS=budget=32M closed_domain_test
  cat "$OUT"
  fact "domains of $1 memory are closed and opened by thread" succeeded
  fact "... with keys" printed '^ok .* after 15 domains'
}

lacks() { ! grep -q -- "$1" "$OUT"; }

run kernel_facts pku
! printed 'no pku' || skip "this processor, or the kernel, has no protection keys"
cat "$OUT"
fact "a closed key: touching secret memory is SIGSEGV with SEGV_PKUERR" \
  printed '^closed: SIGSEGV SEGV_PKUERR'
fact "... the kernel may not read it either" printed 'write EFAULT'
fact "... opened again, it is as it was" printed 'opened: x$'
ulimit -l unlimited
closed_domains secret
closed_domains locked "$REFUSE" memfd_secret ENOSYS --
run env SECALLOC_OPTIONS=budget=4M domain_test
fact "windows of C++ on a domain" succeeded
fact "... with keys" lacks '\[  SKIPPED \]'
run "$REFUSE" pkey_alloc EPERM -- closed_domain_test
fact "a sandbox without keys: EOPNOTSUPP" printed '^ok .* without protection keys: EOPNOTSUPP'
summary
