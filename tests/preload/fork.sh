#!/usr/bin/env bash
# fork works whatever the C library keeps in memory, and whatever was freed before:
# SCRIPT LIBRARY OPTIONS PROGRAM, where PROGRAM is fork.cc.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

program="$(realpath "${3:?usage: SCRIPT LIBRARY OPTIONS PROGRAM}")"
for what in streams users keys handlers idle; do
  expect_same "fork: ${what}" "${program}" "${what}"
done
