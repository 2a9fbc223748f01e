#!/usr/bin/env bash
# Which misuse other allocators catch: tests/death/compare.sh [OPTION...] [NAME=LIBRARY.so...]
#
#   --out FILE   CSV of allocator,caught,of, which bench/compare.sh plots (default bench/caught.csv)
#   --bin DIR    use what is built in DIR; build and install nothing
#   --quick      glibc and this library only, each case once
#
# Installs Debian's jemalloc, mimalloc, tcmalloc and Scudo, and runs each case of the property table
# three times under each allocator. It is caught if each time a signal ended the program, whoever
# raised it, or a property was seen to hold. A program that goes on, hangs or ends otherwise was not
# stopped. Functions that an allocator does not have (free_sized) catch nothing. Two frees at the
# same time are a race, which others win by chance: their sums may differ by it. NAME=LIBRARY.so is
# one more allocator; `base` is glibc, `ours` this library.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/../../bench/lib.sh"

OUT="${ROOT}/bench/caught.csv"
RUNS=3
INSTALL=1
OTHERS=()
# By allocator and size ("ours 8"), and by size, which is `all` for the sum.
declare -A CAUGHT OF

read_options() {
  while (($# > 0)); do
    case "$1" in
      --out) OUT="${2-}"; shift ;;
      --bin) BIN="${2-}"; INSTALL=0; shift ;;
      --quick) RUNS=1; PEERS=() ;;
      *=*) OTHERS+=("$1") ;;
      *) die "no option '$1'; the opening lines of $0 have them" ;;
    esac
    shift || die 'the last option needs a value'
  done
}

# caught VARIANT NUMBER SIZE
caught() {
  local run status
  for ((run = 0; run < RUNS; run++)); do
    status=0
    preloading "$1" timeout -k 1 10 "${MISUSE}" "$2" "$3" >/dev/null 2>&1 || status=$?
    # 124 and 137: it hung.
    ((status == 0 || (status > 128 && status != 137))) || return 1
  done
}

# count SIZE [ALLOCATOR]: one more case, or one more that it catches.
count() {
  local each
  for each in "$1" all; do
    if (($# == 1)); then
      OF["${each}"]=$((${OF["${each}"]-0} + 1))
    else
      CAUGHT["$2 ${each}"]=$((${CAUGHT["$2 ${each}"]-0} + 1))
    fi
  done
}

compare() {
  local number size name line=''
  printf '%-48s %7s' 'misuse or property' size
  printf ' %9s' "${VARIANTS[@]}"
  while read -r number size name; do
    line="$(printf '\n%-48s %7s' "${name}" "${size}")"
    count "${size}"
    for variant in "${VARIANTS[@]}"; do
      if caught "${variant}" "${number}" "${size}"; then
        count "${size}" "${variant}"
        line+="$(printf ' %9s' caught)"
      else
        line+="$(printf ' %9s' -)"
      fi
    done
    printf '%s' "${line}"
  done < <("${MISUSE}" | sort -n -s -k 2,2)
  printf '\n'
}

report() {
  local size variant
  for size in $(printf '%s\n' "${!OF[@]}" | sort -V); do
    printf '%-48s %7s' "caught, of ${OF["${size}"]}" "${size}"
    for variant in "${VARIANTS[@]}"; do printf ' %9s' "${CAUGHT["${variant} ${size}"]-0}"; done
    printf '\n'
  done
  {
    echo allocator,caught,of
    for variant in "${VARIANTS[@]}"; do
      echo "${variant/#base/glibc},${CAUGHT["${variant} all"]-0},${OF[all]}"
    done
  } >"${OUT}"
  say "== ${OUT} has the sums"
}

main() {
  local MISUSE
  read_options "$@"
  ((INSTALL == 0)) || "${ROOT}/tools/install_deps.sh" bench
  set_up //tests/death:misuse
  MISUSE="${BIN}/tests/death/misuse"
  ulimit -c 0
  find_variants "${OTHERS[@]}"
  describe_machine
  compare
  report
}

main "$@"
