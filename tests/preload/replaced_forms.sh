#!/usr/bin/env bash
# Programs may replace some forms of operator new and delete: SCRIPT LIBRARY OPTIONS PROGRAM, where
# PROGRAM is replaced_forms.cc.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

PROGRAM="$(realpath "${3:?usage: SCRIPT LIBRARY OPTIONS PROGRAM}")"

# By the caller's module memory is secret or not. Where nothing is replaced, it must not be our
# library, through which one form would reach another.
expect_own_calls() {
  local trace
  trace="$(env "LD_PRELOAD=${LIBRARY}" SECALLOC_OPTIONS=trace=1 "${PROGRAM}" 2>&1 >/dev/null)"
  grep -q " module=${PROGRAM##*/}$" <<<"${trace}" || fail "the program allocates nothing: ${trace}"
  ! grep -q " module=${LIBRARY##*/}$" <<<"${trace}" || fail "the library asks itself: ${trace}"
}

expect_same "operator new" "${PROGRAM}"
[[ "${PROGRAM}" != */forwarded_none_program ]] || expect_own_calls
