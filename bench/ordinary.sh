#!/usr/bin/env bash
# What serving ordinary memory by another malloc changes: bench/ordinary.sh [OPTION...]
#
#   --repeat N    runs of each workload and malloc, by turns (default 5)
#   --quick       one run of next to nothing: to see that it works
#   --bin DIR     use the programs built in DIR, build nothing
#
# A table of median CPU seconds and peak memory (MiB) of some of bench/workloads: glibc without the
# library, and the library with each value of its option `ordinary`.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

WORKLOADS=(server strings containers lifetimes-threads short-threads large-reuse)
MALLOCS=(glibc hardened jemalloc system)
REPEAT=5

read_options() {
  while (($# > 0)); do
    case "$1" in
      --repeat) REPEAT="${2-}"; shift ;;
      --bin) BIN="${2-}"; shift ;;
      --quick) QUICK=1; REPEAT=1 ;;
      *) die "no option '$1'; there are --repeat N, --quick and --bin DIR" ;;
    esac
    shift || die 'the last option needs a value'
  done
  [[ "${REPEAT}" =~ ^[1-9][0-9]*$ ]] || die "--repeat needs a number, not '${REPEAT}'"
}

# run_once WORKLOAD MALLOC: a record of its CPU seconds and peak.
run_once() {
  local program rounds rest library="${LIBRARY}"
  read -r program rounds rest < <(
    awk -v name="$1" '$1 == name { $1 = ""; print }' "${ROOT}/bench/workloads/parameters")
  rounds="$(quick_or $((1 + rounds / 1000)) "${rounds}")"
  [[ "$2" != jemalloc ]] || library+=":${JEMALLOC}"
  [[ "$2" != glibc ]] || library=''
  SECALLOC_OPTIONS="ordinary=${2/glibc/hardened}" "${BIN}/bench/measure" "${library}" \
    "${WORK}/figures" "${BIN}/bench/workloads/${program}" ${rounds} ${rest} >/dev/null
  awk -v what="$1 $2" '{ print what, $2, $3 / 1024 }' "${WORK}/figures" >>"${RECORDS}"
}

# cell WORKLOAD MALLOC: medians.
cell() {
  local column
  for column in 3 4; do
    awk -v w="$1" -v m="$2" -v c="${column}" '$1 == w && $2 == m { print $c }' "${RECORDS}" |
      sort -g | awk '{ all[NR] = $1 } END { printf "%.2f ", all[int((NR + 1) / 2)] }'
  done
}

main() {
  local workload malloc round
  read_options "$@"
  JEMALLOC="$(installed_library libjemalloc.so.2)"
  [[ -n "${JEMALLOC}" ]] || die 'there is no libjemalloc.so.2; apt-get install libjemalloc2'
  set_up //bench:measure //bench/workloads:programs
  for ((round = 0; round < REPEAT; round++)); do
    for workload in "${WORKLOADS[@]}"; do
      for malloc in "${MALLOCS[@]}"; do run_once "${workload}" "${malloc}"; done
    done
  done
  describe_machine
  printf '| workload |'
  printf ' %s, s | MiB |' "${MALLOCS[@]}"
  printf '\n|---|'
  printf -- '---|---|%.0s' "${MALLOCS[@]}"
  for workload in "${WORKLOADS[@]}"; do
    printf '\n| %s |' "${workload}"
    for malloc in "${MALLOCS[@]}"; do
      printf ' %s | %s |' $(cell "${workload}" "${malloc}")
    done
  done
  echo
}

main "$@"
