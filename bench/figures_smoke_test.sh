#!/usr/bin/env bash
# Every part of bench/figures.sh gives rows, and every row has its number. What the numbers are is
# no matter of this test.
set -euo pipefail

for program in nginx redis-server valgrind openssl; do
  command -v "${program}" >/dev/null || { echo "SKIP: machine: no ${program} here"; exit 0; }
done

# Its rows of PART whose column `with` holds no number.
bad_rows() {
  awk -F'|' -v part="$1" '$2 ~ "^ " part " *$" && $6 !~ /^ *-?[0-9]+(\.[0-9]+)? *$/' "${TABLE}"
}

TABLE="${TEST_TMPDIR:?run it by bazel test}/table"
for part in $(bench/figures.sh --list); do
  bench/figures.sh --quick --bin . "${part}" >"${TABLE}"
  rows="$(grep -c "^| ${part} " "${TABLE}")" || { echo "FAILED: ${part}: no row"; exit 1; }
  bad="$(bad_rows "${part}")"
  [[ -z "${bad}" ]] || { printf 'FAILED: %s: without a number:\n%s\n' "${part}" "${bad}"; exit 1; }
  echo "${part}: ${rows} rows"
done
