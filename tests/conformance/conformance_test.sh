#!/usr/bin/env bash
# docs/incompatible.md is what this kernel does, for root and for a user without privileges.
set -euo pipefail

PROGRAM=$1
WORK=$(mktemp -d /var/tmp/conformance-test.XXXXXX)  # Of a real file system; open to all users.
trap 'rm -rf "$WORK"' EXIT
chmod 1777 "$WORK"
export TMPDIR=$WORK

compare() { /usr/bin/python3 -B tests/conformance/compare.py --strict docs/incompatible.md; }

"$PROGRAM" | tee "$WORK/root"
compare <"$WORK/root"
# The command for users says the same of the same table.
printf '#!/bin/sh\nexec cat %s\n' "$WORK/root" >"$WORK/again"
chmod +x "$WORK/again"
tests/conformance/run.sh "$WORK/again" | grep '^[0-9]* operations, 0 differ'
if [[ $(id -u) != 0 ]]; then
  echo "SKIP: machine: a user without privileges beside root, which needs root to set up"
  exit 0
fi
cp "$PROGRAM" "$WORK/"
setpriv --reuid=65534 --regid=65534 --clear-groups prlimit --memlock=8388608:8388608 -- \
  "$WORK/$(basename "$PROGRAM")" | tee "$WORK/nobody"
compare <"$WORK/nobody"
