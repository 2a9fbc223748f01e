#!/usr/bin/env bash
# Handlers of operator new may throw or give up: SCRIPT LIBRARY OPTIONS PROGRAM, where
# PROGRAM is new_handler.cc.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

expect_same "operator new" "$(realpath "${3:?usage: SCRIPT LIBRARY OPTIONS PROGRAM}")"
