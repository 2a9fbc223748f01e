#!/usr/bin/env bash
# tests/death/compare.sh gives its table, and what documents and bench/caught.csv say of this
# library holds: compare_test.sh CAUGHT DOCUMENT README
set -euo pipefail

OUT="${TEST_TMPDIR:?run it by bazel test}/caught.csv"
tests/death/compare.sh --quick --bin . --out "${OUT}" >"${TEST_TMPDIR}/table"
tail -n 1 "${TEST_TMPDIR}/table"

ours="$(sed -n 's/^ours,//p' "${OUT}")"
kept="$(sed -n 's/^ours,//p' "$1")"
[[ -n "${ours}" && "${ours}" == "${kept}" ]] ||
  { echo "FAILED: this library catches ${ours/,/ of }; $1 says ${kept/,/ of }"; exit 1; }
while IFS=, read -r name caught total; do
  grep -qiE "^\| (${name}|${name/#ours/secure_alloc})[ 0-9.]* \|.* ${caught} \|$" "$2" ||
    { echo "FAILED: $2 has no row of ${name} with ${caught} of ${total}"; exit 1; }
done < <(tail -n +2 "$1")
grep -qF "| misuse caught, of ${ours#*,} cases | ${ours%,*} |" "$3" ||
  { echo "FAILED: $3 has no row of misuse with ${ours/,/ of }"; exit 1; }
