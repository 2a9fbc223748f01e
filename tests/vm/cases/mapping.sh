#!/usr/bin/env bash
# Files and mappings of secret memory, without the library: what docs/kernel.md says of them.
source tests/limits/lib.sh

returned() { sed -n "s/^$1: \(-*[0-9]*\) of 32$/\1/p" "$OUT"; }
kernel_keeps() { (($(returned "$1") <= 4)); }
kernel_gets() { (($(returned "$1") >= 28)); }

need_root 'as much secret memory'
# The guests' kernels bind root too; where they don't, root may have no right to raise it.
ulimit -l unlimited 2>/dev/null || true
run "${MAPPING_FACTS:-mapping_facts}"
cat "$OUT" "$ERR"
fact "the manual page's FD_CLOEXEC is refused" printed '^FD_CLOEXEC: EINVAL$'
fact "MAP_POPULATE is accepted, and populates nothing" printed '^MAP_POPULATE: 0 of 16$'
fact "two files are two map entries, whatever lies side by side" printed '^side by side: 2; 1$'
fact "unmapping a part gives the kernel nothing back" kernel_keeps 'part unmapped'
fact "... unmapping all of a file does" kernel_gets 'all unmapped'
fact "hibernation is disabled while there is secret memory" \
  printed '^hibernation: \(this kernel has none\|without .*; with \[disabled\]\)$'
summary
