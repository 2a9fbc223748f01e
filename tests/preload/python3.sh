#!/usr/bin/env bash
# One module of Python's own regression tests, plain and preloaded: SCRIPT LIBRARY OPTIONS MODULE.
# The two runs are side by side, as most modules sleep most of the time.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

MODULE="${3:?usage: SCRIPT LIBRARY OPTIONS MODULE}"
PYTHON=/usr/bin/python3
COMPARE="$(dirname "${BASH_SOURCE[0]}")/compare_junit.py"
"${PYTHON}" -c "import test.${MODULE}" 2>/dev/null ||
  skip "no ${MODULE} here; apt-get install libpython3.11-testsuite"

# Pool.terminate() while work is left waits forever now and then (python/cpython issue 73945): on a
# loaded machine once in 60 times without the library, so that its test can tell nothing here.
IGNORED="*TestPool.test_terminate"

# regression AS COMMAND...: writes AS.xml and AS.log; a run that hangs shows where, then ends.
regression() {
  local as="$1" status=0
  shift
  mkdir "${WORK}/${as}"
  (cd "${WORK}/${as}" && TMPDIR="${WORK}/${as}" exec timeout -k 5 320 "$@" "${PYTHON}" \
    -m test -v --timeout 300 --ignore "${IGNORED}" --junit-xml "${WORK}/${as}.xml" "${MODULE}") \
    >"${WORK}/${as}.log" 2>&1 || status=$?
  echo "${status}" >"${WORK}/${as}.status"
}

status_of() {
  cat "${WORK}/$1.status"
}

regression plain &
regression preloaded "${PRELOAD[@]}"
wait $!
# Without the library a module hangs now and then as well.
[[ -s "${WORK}/plain.xml" ]] || { rm -r "${WORK}/plain"; regression plain; }
for as in plain preloaded; do echo "status, ${as}: $(status_of "${as}")"; done
if [[ ! -s "${WORK}/preloaded.xml" ]]; then
  tail -n 60 "${WORK}/preloaded.log" >&2
  fail "${MODULE} did not come to its end under the library; the end of its log is above"
elif ! "${PYTHON}" "${COMPARE}" "${WORK}/plain.xml" "${WORK}/preloaded.xml"; then
  grep -A 25 -E '^(FAIL|ERROR):' "${WORK}/preloaded.log" | sed -n 1,150p >&2
  fail "${MODULE}: worse under the library; see above"
elif [[ "$(status_of preloaded)" != 0 && "$(status_of preloaded)" != "$(status_of plain)" ]]; then
  # A crash behind the last test is in no report.
  tail -n 20 "${WORK}/preloaded.log" >&2
  fail "${MODULE}: its tests are as good under the library, but its end is not; see above"
fi
expect_no_lines "${WORK}/preloaded.log"
