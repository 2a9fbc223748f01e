#!/usr/bin/env bash
# How often the library takes locks, by number of threads: bench/locks.sh [--quick]
#
# Counts, not times: they tell what more CPUs than this machine's would contend for. The same work
# is shared out to 1, 2, 4 ... 64 threads, in four patterns: `lifetimes` (each thread for itself),
# `server` (objects outlive their threads), `exchange` (every object is freed by another thread,
# which allocates as many) and `pipeline` (pairs of a thread that allocates and one that frees).
# A row is a pattern and a number of threads, a column the locks declared in one source file: how
# often they were taken for a million calls of malloc and free. `busiest` is the single lock that
# was taken most; `waited` and `slept` are for all together, and depend on this machine's CPUs.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

OBJECTS=4000000
THREADS=(1 2 4 8 16 32 64)
FILES=(bin large page_heap space thread_cache random)

read_options() {
  (($# == 0)) && return
  [[ "$*" == --quick ]] || die "no option '$*'; there is --quick"
  OBJECTS=100000
  THREADS=(1 2)
}

# The counting library and the programs, in the place of the ordinary ones.
build_counting() {
  say '== Building'
  (cd "${ROOT}" && bazel build --config=counters //preload:libsecure_alloc_preload.so \
    //bench/workloads:programs) || die 'the build failed; its messages are above'
  BIN="$(cd "${ROOT}" && bazel info --config=counters bazel-bin)"
}

# parameters_of PATTERN THREADS: of so many threads that handle OBJECTS together.
parameters_of() {
  local each=$((OBJECTS / $2))
  case "$1" in
    lifetimes) echo "lifetimes ${each} $2 $((OBJECTS / 4 / $2))" ;;
    server) echo "server 20 $2 $((each / 20)) $((8000 / $2)) 8 1000" ;;
    exchange) echo "exchange $((each / 500)) $2 500 4 16 256" ;;
    pipeline) echo "pipeline $((2 * each / 500)) $(($2 / 2)) 500 4 16 256" ;;
  esac
}

# One row from the lines "secure_alloc: locks of FILE: N in use, N taken, N waited, ..." in a log.
row_of() {
  awk -v pattern="$1" -v threads="$2" -v calls="$3" -v files="${FILES[*]}" '
    function per_million(count) { return sprintf("%.1f", 1e6 * count / calls) }
    /^secure_alloc: locks of / {
      gsub(/[:,]/, "")
      name = $4; sub(/.*\//, "", name); sub(/\..*/, "", name)
      taken[name] += $8; waited += $10; slept += $12
      if ($14 > busiest) { busiest = $14; whose = name }
    }
    END {
      if (whose == "") exit 1
      row = pattern " | " threads
      count = split(files, columns, " ")
      for (i = 1; i <= count; i++) row = row " | " per_million(taken[columns[i]])
      print "| " row " | " per_million(busiest) " (" whose ") | " per_million(waited) " | " \
        per_million(slept) " |"
    }' "$4"
}

count_locks() {
  local pattern threads command objects
  for pattern in lifetimes server exchange pipeline; do
    for threads in "${THREADS[@]}"; do
      [[ "${pattern} ${threads}" != 'pipeline 1' ]] || continue
      say "== ${pattern}, ${threads} threads"
      read -ra command <<<"$(parameters_of "${pattern}" "${threads}")"
      objects="$(LD_PRELOAD="${LIBRARY}" "${BIN}/bench/workloads/${command[0]}" \
        "${command[@]:1}" 2>"${WORK}/log")" ||
        { cat "${WORK}/log" >&2; die "${command[*]} failed"; }
      row_of "${pattern}" "${threads}" "$((2 * ${objects%% *}))" "${WORK}/log" ||
        die "${LIBRARY} counts nothing: was it built with --config=counters?"
    done
  done
}

main() {
  local rule
  read_options "$@"
  build_counting
  set_up
  describe_machine
  printf '| pattern | threads |%s busiest | waited | slept |\n' "$(printf ' %s |' "${FILES[@]}")"
  rule="$(printf -- ' --: |%.0s' "${FILES[@]}")"
  printf '|---|--:|%s --: | --: | --: |\n' "${rule}"
  count_locks
}

main "$@"
