#!/usr/bin/env bash
# What a library exports and needs is what the golden files say:
# exports_test.sh LIBRARY EXPORTS NEEDED
#
# A name more could take the place of a program's own function, one less would leave it with
# another malloc's memory. A library needed more would be loaded into every program.
set -euo pipefail

library="$1"
status=0

# same WHAT GOLDEN: compares with standard input.
same() {
  diff -u --label "$2" --label "${library}" <(grep -v '^#' "$2" | LC_ALL=C sort) \
    <(LC_ALL=C sort) && return
  printf 'FAILED: %s: not what %s says (- missing, + new)\n' "$1" "$2"
  status=1
}

# Lower-case types are local: the linker keeps some thread-local names that no one can bind to.
same 'exported symbols' "$2" < <(nm --dynamic --defined-only --extern-only "${library}" |
  awk '{ print $3 }')
same 'needed libraries' "$3" < <(readelf --dynamic --wide "${library}" |
  sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -v '^ld-linux')
exit "${status}"
