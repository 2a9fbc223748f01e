#!/usr/bin/env bash
# The test command: tests/run.sh
#
# Installs what is missing, builds everything, runs all tests of Bazel, examples/quickstart.sh,
# tests/fuzz/run.sh, tests/sanitizers.sh, clang's analysis of locks and tests/vm/run.sh.
# The last line is `N passed, N failed`, with `, N skipped` if any was. The exit status is 0 only
# if none failed.
#
# A test skips by a line that begins `SKIP: kernel: ` or `SKIP: machine: ` and says what is missing.
# Any other reason counts as a failure: what this machine offers is tested.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "${ROOT}"

say() {
  printf '== %s\n' "$*"
}

# Tests that Bazel doesn't run: name, result and log of each.
OTHERS=()

# run_other COMMAND...: one more test.
run_other() {
  local result=passed log="${WORK}/${#OTHERS[@]}.log"
  say "$*"
  "$@" 2>&1 | tee "${log}" || result=failed
  OTHERS+=("$*" "${result}" "${log}")
}

# A test for each case and kernel.
run_guests() {
  local list="${WORK}/vm/list" status=0
  say 'tests/vm/run.sh'
  tests/vm/run.sh --results "${WORK}/vm" || status=$?
  [[ ! -e "${list}" ]] || mapfile -t -O "${#OTHERS[@]}" OTHERS < <(tr '\t' '\n' <"${list}")
  # It ended before it could count.
  [[ "${status}" == 0 ]] || grep -qs $'\tfailed\t' "${list}" ||
    OTHERS+=(tests/vm/run.sh failed /dev/null)
}

main() {
  tools/install_deps.sh build quickstart test
  WORK="$(mktemp -d "${TMPDIR:-/tmp}/tests-run.XXXXXX")"
  trap 'rm -rf "${WORK}"' EXIT

  say 'bazel build //...'
  bazel build --keep_going //... || OTHERS+=('bazel build //...' failed /dev/null)

  # Two at once: many tests are real servers, and count on getting their turn. No old results: they
  # depend on the kernel and on installed programs, which Bazel doesn't see.
  say 'bazel test //...'
  bazel query 'tests(//...)' >"${WORK}/targets" 2>"${WORK}/query.log" ||
    { cat "${WORK}/query.log" >&2; exit 1; }
  bazel test --keep_going --nocache_test_results --local_test_jobs=2 --test_output=errors \
    --test_summary=terse --build_event_json_file="${WORK}/events" //... ||
    true # summarize.py finds what failed

  run_other examples/quickstart.sh
  run_other tests/fuzz/run.sh
  run_other tests/sanitizers.sh
  run_other tools/check_static.sh locks
  run_guests
  /usr/bin/python3 -B tests/summarize.py "${WORK}/targets" "${WORK}/events" "${OTHERS[@]}"
}

main
