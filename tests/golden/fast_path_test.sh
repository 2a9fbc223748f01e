#!/usr/bin/env bash
# malloc and free of a small object run straight through: fast_path_test.sh LIBRARY PAIR_LOOP BOUNDS
#
# Judged by the instructions that a loop of pairs executes in nearly every round: none of them calls
# (so nothing is saved and restored for it) or locks (20 cycles, and more with every CPU), and there
# are no more of them than BOUNDS allows.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../bench/callgrind.sh"

command -v valgrind >/dev/null ||
  { echo 'SKIP: no valgrind here; apt-get install valgrind'; exit 0; }

PAIRS=20000
LIBRARY="$(realpath "$1")"
PAIR_LOOP="$2"
WORK="$(mktemp -d)"
trap 'rm -rf "${WORK}"' EXIT
objdump --disassemble --no-show-raw-insn "${LIBRARY}" >"${WORK}/code"
status=0

fail() {
  printf 'FAILED: %s\n' "$*"
  status=1
}

# Addresses of the library's instructions that a PROFILE shows in nearly every round. Behind a line
# "calls=" stands what the callee took, which is no instruction of its own.
straight_path() {
  awk -v library="${LIBRARY}" -v rounds="${PAIRS}" '
    /^ob=/ { ours = substr($0, 4) == library; next }
    /^calls=/ { getline; next }
    ours && /^0x/ { times[$1] += $3 }
    END { for (address in times) if (times[address] > 0.9 * rounds) print substr(address, 3) }' "$1"
}

# expect_straight SIZE FORBIDDEN: no instruction of its path matches that.
expect_straight() {
  count_pairs "${WORK}/profile" "${LIBRARY}" "${PAIR_LOOP}" "$1" "${PAIRS}" >"${WORK}/count"
  straight_path "${WORK}/profile" >"${WORK}/path"
  awk 'NR == FNR { path[$1]; next }
       { address = $1; sub(/:$/, "", address) }
       address in path' "${WORK}/path" "${WORK}/code" >"${WORK}/instructions"
  (("$(grep -cw ret "${WORK}/instructions")" >= 2)) ||
    fail "$1 bytes: no way through malloc and free is executed in nearly every round"
  ! grep -E "$2" "${WORK}/instructions" || fail "$1 bytes: every object pays for what stands above"
}

LOCKS='\<(lock|syscall)\>|\<xchg .*\('

while read -r size bound feature; do
  if [[ -n "${feature}" ]] && ! grep -qw "${feature}" /proc/cpuinfo; then
    echo "${size} bytes: not tried, this processor has no ${feature}"
    continue
  fi
  expect_straight "${size}" "${LOCKS}|\\<call\\>"
  count="$(pair_instructions "${LIBRARY}" "${PAIR_LOOP}" "${size}" "${PAIRS}")"
  echo "${size} bytes: ${count} instructions of ${bound}"
  awk -v count="${count}" -v bound="${bound}" 'BEGIN { exit !(count <= bound) }' ||
    fail "${size} bytes: ${count} instructions, but $(basename "$3") allows ${bound}"
done < <(grep -v '^#' "$3")
exit "${status}"
