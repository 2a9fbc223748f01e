#!/usr/bin/env bash
# Instructions counted by valgrind: no other work on the machine changes them. Source it.
#
#   count_pairs PROFILE LIBRARY PAIR_LOOP SIZE COUNT  instructions of a run of pair_loop; PROFILE
#                                        (a file) gets how often each was executed
#   pair_instructions LIBRARY PAIR_LOOP SIZE PAIRS  those of one malloc and free
#
# LIBRARY is preloaded (empty: none). A message of what failed goes to standard error.

count_pairs() {
  local profile="$1" library="$2" log
  log="$(mktemp)"
  if LD_PRELOAD="${library}" valgrind --tool=callgrind "--callgrind-out-file=${profile}" \
    --dump-instr=yes --compress-pos=no --compress-strings=no \
    --soname-synonyms=somalloc=nouserintercepts "${@:3}" 2>"${log}" >&2 &&
    sed -n 's/.*Collected : *\([0-9]*\).*/\1/p' "${log}" | grep .; then
    rm -f "${log}"
  else
    cat "${log}" >&2
    rm -f "${log}"
    echo "callgrind can't count '$*'; see above" >&2
    return 1
  fi
}

# Two counts differ by the pairs between them; the first pairs, which fill caches, are in both.
pair_instructions() {
  local few many first=1000
  few="$(count_pairs /dev/null "$1" "$2" "$3" "${first}")" || return
  many="$(count_pairs /dev/null "$1" "$2" "$3" $((first + $4)))" || return
  awk -v few="${few}" -v many="${many}" -v pairs="$4" 'BEGIN { print (many - few) / pairs }'
}
