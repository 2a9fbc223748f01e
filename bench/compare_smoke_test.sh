#!/usr/bin/env bash
# bench/compare.sh runs every workload, and programs that the tests need anyway, under the library,
# with the output that they have without it, and gives a number for each. What the numbers are is
# no matter of this test.
set -euo pipefail

ONLY='@(workloads/*|macro/@(sqlite3|python3|lua|perl|redis|git))'
OUT="${TEST_TMPDIR:?run it by bazel test}/results"
status=0

bench/compare.sh --quick --bin . --only "${ONLY}" --out "${OUT}" >"${TEST_TMPDIR}/table" || status=1
for benchmark in $(bench/compare.sh --only "${ONLY}" --list); do
  rows="$(grep -cE "^${benchmark/\//,},(time|CPU time|peak memory),ours,[0-9.]+,1,[0-9.]+," \
    "${OUT}/results.csv")" || true
  [[ "${rows}" == 3 ]] || { echo "FAILED: ${benchmark}: ${rows} of 3 figures"; status=1; }
done
grep -q '^both,geometric mean,time,ours,' "${OUT}/results.csv" ||
  { echo 'FAILED: no mean'; status=1; }
if /usr/bin/python3 -c 'import matplotlib' 2>/dev/null; then
  [[ -s "${OUT}/memory.svg" && -s "${OUT}/memory.png" ]] || { echo 'FAILED: no plot'; status=1; }
fi
exit "${status}"
