#!/usr/bin/env bash
# docs/options.md is what the table of options says: options_test.sh DOCUMENT MADE
set -euo pipefail

diff -u --label docs/options.md "$1" --label 'the table in allocator/domain/options.cc' "$2" || {
  echo 'FAILED: make it again: bazel run //tools/docs:print_options markdown >docs/options.md'
  exit 1
}
