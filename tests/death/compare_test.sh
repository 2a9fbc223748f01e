#!/usr/bin/env bash
# tests/death/compare.sh gives its table; bench/caught.csv says of this library what it counts, and
# the documents say what bench/caught.csv does: compare_test.sh CAUGHT DOCUMENT README
set -euo pipefail

FAILED=0

# fact SENTENCE COMMAND...
fact() {
  "${@:2}" || {
    printf 'FAILED: %s\n' "$1"
    FAILED=$((FAILED + 1))
  }
}

# figure NAME FIELD: of bench/caught.csv.
figure() {
  awk -F, -v name="$1" -v field="$2" '$1 == name { print $field }' "${CAUGHT}"
}

# Its last columns are parts and their sum.
row_adds_up() {
  awk -F '|' -v name="^ ($1|${1/#ours/secure_alloc})[ 0-9.]* \$" -v sum="$2" '
    tolower($2) ~ name && $(NF - 1) == sum && $3 + $4 + $5 == sum { found = 1 }
    END { exit !found }' "${DOCUMENT}"
}

check_document() {
  local name caught text
  while IFS=, read -r name caught _; do
    fact "${DOCUMENT}: the row of ${name} has three columns that make ${caught}" \
      row_adds_up "${name}" "${caught}"
  done < <(tail -n +2 "${CAUGHT}")
  for text in "$((TOTAL / 3)) cases by three sizes" \
    "the same ${TOTAL} cases ($((TOTAL / 3)) by " "| of ${TOTAL} |"; do
    fact "${DOCUMENT} says '${text}'" grep -qF -- "${text}" "${DOCUMENT}"
  done
}

check_readme() {
  local name row="| misuse caught, of ${TOTAL} cases |"
  for name in ours glibc jemalloc mimalloc snmalloc scudo hardened_malloc; do
    row+=" $(figure "${name}" 2) |"
  done
  row="${row//|  |/| not measured |}"
  fact "${README} has the row ${row}" grep -qxF -- "${row}" "${README}"
}

CAUGHT="$1"
DOCUMENT="$2"
README="$3"
OUT="${TEST_TMPDIR:?run it by bazel test}/caught.csv"
tests/death/compare.sh --quick --bin . --out "${OUT}" >"${TEST_TMPDIR}/table"
tail -n 1 "${TEST_TMPDIR}/table"

counted="$(sed -n 's/^ours,//p' "${OUT}")"
TOTAL="$(figure ours 3)"
fact "${CAUGHT} has this library's ${counted/,/ of }, as counted: run tests/death/compare.sh" \
  test "$(figure ours 2),${TOTAL}" == "${counted}"
check_document
check_readme
((FAILED == 0))
