#!/usr/bin/env bash
# The library against glibc and other allocators: bench/compare.sh [OPTION...] [NAME=LIBRARY.so...]
#
#   --only PATTERN  benchmarks whose name, such as workloads/server or macro/lua, matches the
#                   shell pattern
#   --repeat N      runs of each (default 5; 6 is the least that gives intervals of 95%)
#   --quick         one run of next to nothing: to see that it works
#   --caught FILE   CSV of allocator,caught,of: misuse found, for a plot (default bench/caught.csv,
#                   if there is one)
#   --out DIR       where the results go (default compare-results)
#   --bin DIR       use the programs built in DIR; build and install nothing
#   --list          names of the benchmarks
#
# Installs Debian's jemalloc, mimalloc, tcmalloc and Scudo and the programs that are run, and builds
# with Bazel. NAME=LIBRARY.so is one more allocator. Every benchmark runs under every allocator in
# turn, A B C, and all of that N times. Its output must be the same as with glibc.
#
# Prints time, CPU time and peak of resident memory as ratios to glibc, with geometric means, and
# leaves in DIR: results.csv, with intervals; records, with every value; memory.svg and .png, speed
# against memory; caught.svg and .png, speed against misuse caught. Progress goes to standard error.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "${ROOT}/bench/macro/programs.sh"

REPEAT=5
ONLY='*'
CAUGHT="${ROOT}/bench/caught.csv"
OUT=compare-results
INSTALL=1
OTHERS=()
BENCHMARKS=()
declare -A PROGRAM PARAMETERS
FAILED=0

read_options() {
  while (($# > 0)); do
    case "$1" in
      --only) ONLY="${2-}"; shift ;;
      --repeat) REPEAT="${2-}"; shift ;;
      --caught) CAUGHT="${2-}"; shift ;;
      --out) OUT="${2-}"; shift ;;
      --bin) BIN="${2-}"; INSTALL=0; shift ;;
      --quick) QUICK=1; REPEAT=1 ;;
      --list) find_benchmarks; printf '%s\n' "${BENCHMARKS[@]}"; exit 0 ;;
      *=*) OTHERS+=("$1") ;;
      *) die "no option '$1'; the opening lines of $0 have them" ;;
    esac
    shift || die 'the last option needs a value'
  done
  [[ "${REPEAT}" =~ ^[1-9][0-9]*$ ]] || die "--repeat needs a number, not '${REPEAT}'"
}

# Those that match ONLY. Of a workload's parameters the first counts its rounds.
find_benchmarks() {
  local name program rounds rest
  while read -r name program rounds rest; do
    PROGRAM["workloads/${name}"]="${program}"
    PARAMETERS["workloads/${name}"]="$(quick_or $((1 + rounds / 1000)) "${rounds}") ${rest}"
    add_benchmark "workloads/${name}"
  done < <(grep -v '^#' "${ROOT}/bench/workloads/parameters")
  for name in "${MACROS[@]}"; do
    add_benchmark "macro/${name}"
  done
  ((${#BENCHMARKS[@]} > 0)) || die "no benchmark matches '${ONLY}'; --list has their names"
}

add_benchmark() {
  # shellcheck disable=SC2053
  [[ "$1" != ${ONLY} ]] || BENCHMARKS+=("$1")
}

prepare() {
  local benchmark name
  for benchmark in "${BENCHMARKS[@]}"; do
    name="${benchmark#*/}"
    mkdir -p "${WORK}/input/${benchmark}" "${WORK}/expected/${benchmark%/*}"
    chmod 0711 "${WORK}/input" "${WORK}/input/${benchmark%/*}" "${WORK}/input/${benchmark}"
    ! declare -F "prepare_${name}" >/dev/null || "prepare_${name}" "${WORK}/input/${benchmark}"
  done
}

run_workload() {
  # shellcheck disable=SC2086
  "${MEASURE[@]}" "${BIN}/bench/workloads/${PROGRAM[$1]}" ${PARAMETERS[$1]}
}

# run_once BENCHMARK VARIANT: in an empty directory; its output goes to WORK/output.
run_once() {
  local run="${WORK}/run" status
  local MEASURE=("${BIN}/bench/measure" "${PRELOAD_OF[$2]}" "${WORK}/usage")
  local REQUESTED=("${BIN}/bench/measure" '' "${WORK}/client-usage")
  rm -rf "${run}" "${WORK}/usage" "${WORK}/client-usage"
  mkdir -m 0711 "${run}"
  set +e
  (
    set -e
    trap stop_servers EXIT
    cd "${run}"
    case "$1" in
      workloads/*) run_workload "$1" ;;
      macro/*) "run_${1#*/}" "${WORK}/input/$1" ;;
    esac
  ) >"${WORK}/output" 2>"${WORK}/log"
  status=$?
  set -e
  return "${status}"
}

# Of a server, the time on the clock is its client's.
record_usage() {
  local wall cpu peak
  read -r wall cpu peak <"${WORK}/usage"
  [[ ! -e "${WORK}/client-usage" ]] || read -r wall _ <"${WORK}/client-usage"
  printf '%s\t%s\t%s\t%s\n' "${1#*/}" time "$2" "${wall}" "${1#*/}" 'CPU time' "$2" "${cpu}" \
    "${1#*/}" 'peak memory' "$2" "${peak}" | record "${1%/*}"
}

fail() {
  FAILED=$((FAILED + 1))
  say "FAILED: $1 with $2: $3"
  tail -n 5 "${WORK}/log" >&2
}

measure_once() {
  local expected="${WORK}/expected/$1"
  if ! run_once "$1" "$2"; then
    fail "$1" "$2" 'it ended with an error; its messages are below'
    return 0
  fi
  [[ "$2" != base || -e "${expected}" ]] || cp "${WORK}/output" "${expected}"
  if cmp -s "${expected}" "${WORK}/output"; then
    record_usage "$1" "$2"
  else
    fail "$1" "$2" "its output is not that with glibc: $(head -c 200 "${WORK}/output")"
  fi
}

# tell TURN DONE TOTAL WHAT
tell() {
  local left='?'
  (($2 == 0)) || left="$((SECONDS * ($3 - $2) / $2 / 60 + 1))"
  say "== run $1 of ${REPEAT}, $(($2 * 100 / $3))%, ${left} min left: $4"
}

measure_all() {
  local turn benchmark variant done=0 total
  total=$((REPEAT * ${#BENCHMARKS[@]} * ${#VARIANTS[@]}))
  SECONDS=0
  for ((turn = 1; turn <= REPEAT; turn++)); do
    for benchmark in "${BENCHMARKS[@]}"; do
      tell "${turn}" "${done}" "${total}" "${benchmark}: ${VARIANTS[*]}"
      for variant in "${VARIANTS[@]}"; do
        measure_once "${benchmark}" "${variant}"
        done=$((done + 1))
      done
    done
  done
}

report() {
  mkdir -p "${OUT}"
  cp "${RECORDS}" "${OUT}/records"
  describe_machine
  "${SERVER_PYTHON}" -B "${ROOT}/bench/compare.py" "${RECORDS}" "${OUT}/results.csv"
  "${SERVER_PYTHON}" -B "${ROOT}/bench/plot.py" "${OUT}/results.csv" "${OUT}" "${CAUGHT}" ||
    say 'no plots: see above'
  ((FAILED == 0)) || die "${FAILED} runs failed, and are missing in the table; see above"
}

main() {
  read_options "$@"
  find_benchmarks
  ((INSTALL == 0)) || "${ROOT}/tools/install_deps.sh" bench
  set_up //bench:measure //bench/workloads:programs
  settle_environment
  find_variants "${OTHERS[@]}"
  prepare
  measure_all
  report
}

main "$@"
