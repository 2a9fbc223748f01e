#!/usr/bin/env bash
# Each entry of the default list of modules is proved by a test here, or told of in docs/modules.md
# as listed without a proof; all have a row there, and no test proves one that is not listed:
# every_entry_test.sh DEFAULT_MODULES DOC TEST...
set -euo pipefail

IFS=: read -ra ENTRIES <<<"$("$1")"
DOC="$2"
TESTS=("${@:3}")
FAILURES=0

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  FAILURES=$((FAILURES + 1))
}

proved_entries() {
  sed -n "/^ *prove\(_busy\)\? /s/'[^']*'/\n&\n/gp" "${TESTS[@]}" |
    sed -n "s/^'\(.*\)'$/\1/p" | sort -u
}

# The rows of the document's section for entries without a proof.
unproved_entries() {
  sed -n '/^## Listed without such a proof/,/^## What is not/s/^| `\([^`]*\)` |.*/\1/p' "${DOC}"
}

mapfile -t PROVED < <(proved_entries; unproved_entries)
for entry in "${ENTRIES[@]}"; do
  grep -qxF -- "${entry}" <<<"$(printf '%s\n' "${PROVED[@]}")" ||
    fail "no program proves ${entry}, and no document says so"
  grep -qF -- "| \`${entry}\` |" "${DOC}" || fail "${DOC} has no row for ${entry}"
done
((${#ENTRIES[@]} == ${#PROVED[@]})) ||
  fail "${#ENTRIES[@]} entries are listed, ${#PROVED[@]} proved or told of: ${PROVED[*]}"
((FAILURES == 0)) && echo "${#ENTRIES[@]} entries, $(proved_entries | wc -l) of them proved"
