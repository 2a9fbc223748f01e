#!/usr/bin/env bash
# A budget that is spent under load, whoever serves ordinary memory: SCRIPT LIBRARY OPTIONS PROGRAM,
# where PROGRAM is spent_budget.cc.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

preloaded "$(realpath "${3:?usage: SCRIPT LIBRARY OPTIONS PROGRAM}")" 2>"${WORK}/said" ||
  fail "the program did not end well"
[[ "$(grep -c 'event=secrets_plain' "${WORK}/said")" == 1 ]] ||
  fail "it was not told, or more than once"
