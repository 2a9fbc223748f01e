#!/usr/bin/env bash
# bench/ordinary.sh has a row for each workload, each with eight numbers.
set -euo pipefail

[[ "$(ldconfig -p)" == *libjemalloc.so.2* ]] ||
  { echo 'SKIP: machine: no libjemalloc here'; exit 0; }
bench/ordinary.sh --quick --bin . >"${TEST_TMPDIR:?run it by bazel test}/table"
rows="$(grep -cE '^\| [a-z-]+ \|( [0-9.]+ \|){8}$' "${TEST_TMPDIR}/table")"
cat "${TEST_TMPDIR}/table"
[[ "${rows}" == 6 ]] || { echo "FAILED: ${rows} rows, not 6"; exit 1; }
