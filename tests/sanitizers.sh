#!/usr/bin/env bash
# Tests under sanitizers: tests/sanitizers.sh [--all] [asan|tsan]...
#
# Builds the library and its tests with the address and undefined behaviour sanitizers, then with
# the thread sanitizer, and runs what of tests/unit and tests/stress each is good for, the stress
# for ten seconds; --all: all of both folders. They link the library directly: the preload library
# replaces malloc, and so would a sanitizer. Exits 1 if any test failed.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "${ROOT}"

STRESS_SECONDS=10
declare -A TESTS=(
  [asan]='//tests/unit/slab:slab_test //tests/unit/pages:page_heap_test
    //tests/unit/heap:large_test //tests/unit/heap:resize_test //tests/unit/domain:options_test
    //tests/unit/promote:promoter_test //tests/unit/promote:program_test
    //tests/stress:stress_test'
  [tsan]='//tests/unit/base:mutex_test //tests/unit/heap:cross_thread_test
    //tests/unit/heap:thread_cache_test //tests/unit/domain:fork_test //tests/stress:stress_test'
)
# The address sanitizer replaces the C library's heap, which these promote; the thread sanitizer has
# a thread that blocks all signals, so that threads can't be stopped, is a thread more than
# status_test counts, and causes page faults. process_memory_test reads all of its own memory: a
# sanitizer's shadow has terabytes.
declare -A ALL_TESTS=(
  [asan]='//tests/unit/... //tests/stress/... -//tests/unit/command:process_memory_test
    -//tests/unit/promote:errors_test -//tests/unit/promote:fork_test'
  [tsan]='//tests/unit/... //tests/stress/... -//tests/unit/command:process_memory_test
    -//tests/unit/promote/... -//tests/unit/os:status_test -//tests/unit/api:reserve_test
    -//tests/unit:page_sizes_test'
)
ALL=0
CONFIGS=()

read_options() {
  while (($# > 0)); do
    case "$1" in
      --all) ALL=1 ;;
      asan | tsan) CONFIGS+=("$1") ;;
      *) printf "sanitizers: no option '%s'; the opening lines of %s have them\n" "$1" "$0" >&2
         exit 2 ;;
    esac
    shift
  done
  ((${#CONFIGS[@]} > 0)) || CONFIGS=(asan tsan)
}

main() {
  local config failed=0 list targets
  read_options "$@"
  for config in "${CONFIGS[@]}"; do
    list="${TESTS[${config}]}"
    ((ALL == 0)) || list="${ALL_TESTS[${config}]}"
    read -r -d '' -a targets <<<"${list}" || true # the end of the text is no error
    printf '== %s: %s\n' "${config}" "${targets[*]}"
    bazel test --config="${config}" --keep_going --local_test_jobs=2 --test_output=errors \
      --test_env=STRESS_SECONDS="${STRESS_SECONDS}" -- "${targets[@]}" || failed=1
  done
  exit "${failed}"
}

main "$@"
