#!/usr/bin/env bash
# Objects that are older than the library's constructor: SCRIPT LIBRARY OPTIONS PROGRAM, where
# PROGRAM is early_new_program.cc.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

expect_same "early new" "$(realpath "${3:?usage: SCRIPT LIBRARY OPTIONS PROGRAM}")"
