#!/usr/bin/env bash
# Programs may replace some forms of operator new and delete: SCRIPT LIBRARY OPTIONS PROGRAM, where
# PROGRAM is replaced_forms.cc.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

expect_same "operator new" "$(realpath "${3:?usage: SCRIPT LIBRARY OPTIONS PROGRAM}")"
