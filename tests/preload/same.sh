#!/usr/bin/env bash
# A program that says all there is to compare: SCRIPT LIBRARY OPTIONS PROGRAM.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

PROGRAM="$(realpath "${3:?usage: SCRIPT LIBRARY OPTIONS PROGRAM}")"
expect_same "${PROGRAM##*/}" "${PROGRAM}"
