#!/usr/bin/env bash
# Each entry of the default list of modules is proved by a test here and told of in docs/modules.md,
# and no test proves one that is not listed: every_entry_test.sh DEFAULT_MODULES DOC TEST...
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
  sed -n "/^ *prove\(_busy\)\? /s/'[^']*'/\n&\n/gp" "${TESTS[@]}" | sed -n "s/^'\(.*\)'$/\1/p" | sort -u
}

mapfile -t PROVED < <(proved_entries)
for entry in "${ENTRIES[@]}"; do
  printf '%s\n' "${PROVED[@]}" | grep -qxF -- "${entry}" || fail "no program proves ${entry}"
  grep -qF -- "| \`${entry}\` |" "${DOC}" || fail "${DOC} has no row for ${entry}"
done
((${#ENTRIES[@]} == ${#PROVED[@]})) ||
  fail "${#ENTRIES[@]} entries are listed, ${#PROVED[@]} proved: ${PROVED[*]}"
((FAILURES == 0)) && echo "${#ENTRIES[@]} entries, all proved"
