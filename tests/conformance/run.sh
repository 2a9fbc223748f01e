#!/usr/bin/env bash
# What does this kernel do with secret memory? tests/conformance/run.sh [PROGRAM]
#
# Builds the conformance program with c++ alone (or takes PROGRAM), prints its table, and compares
# it with docs/incompatible.md. Exit status: 0 the same, 1 this kernel differs, 2 it couldn't run.
# Any user may run it; root sees more. TMPDIR: where files are made, best not tmpfs.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

build() {
  c++ -std=c++20 -O1 -pthread -I. tests/conformance/*.cc -o "$WORK/conformance" || {
    echo "run.sh: no compiler of C++20? Debian: apt-get install g++" >&2
    exit 2
  }
}

PROGRAM=${1:-}
if [[ -z $PROGRAM ]]; then
  build
  PROGRAM=$WORK/conformance
fi
"$PROGRAM" | tee "$WORK/table" || exit 2
echo
python3 -B tests/conformance/compare.py docs/incompatible.md <"$WORK/table"
