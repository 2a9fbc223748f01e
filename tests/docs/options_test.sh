#!/usr/bin/env bash
# docs/options.md is what the table of options says, and README.md has a row for each of them:
# options_test.sh DOCUMENT MADE README
set -euo pipefail

diff -u --label docs/options.md "$1" --label 'the table in allocator/domain/options.cc' "$2" || {
  echo 'FAILED: make it again: bazel run //tools/docs:print_options markdown >docs/options.md'
  exit 1
}

rows() {
  sed -nE 's/^\| `([a-z_]+)` \| .*/\1/p' "$1"
}
diff -u --label "README.md's table" <(rows "$3") --label 'the options' <(rows "$2") || {
  echo 'FAILED: README.md has other options, or another order'
  exit 1
}
