#!/usr/bin/env bash
# fork touches the C library's own memory before the child has its secrets: none of it is missing.
# SCRIPT LIBRARY OPTIONS PROGRAM, where PROGRAM is libc_fork.cc.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

program="$(realpath "${3:?usage: SCRIPT LIBRARY OPTIONS PROGRAM}")"
for what in streams users keys handlers; do
  expect_same "fork: ${what}" "${program}" "${what}"
done
