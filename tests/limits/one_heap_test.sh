#!/usr/bin/env bash
# The API library alone has a heap of its own; under the preload library it has that one's:
# one_heap_test.sh PROGRAM API_LIBRARY PRELOAD_LIBRARY
set -euo pipefail

program="$1" api="$2" preload="$(realpath "$3")"
failures=0

# expect LD_PRELOAD LINE...: what the program says with it.
expect() {
  local said line
  said="$(LD_PRELOAD="$1" "${program}" "${api}")" || said+="; its exit status is $?"
  for line in "${@:2}"; do
    grep -qxF -- "${line}" <<<"${said}" && { printf 'ok     %s\n' "${line}"; continue; }
    printf 'FAILED %s\n%s\n' "${line}" "${said}"
    failures=$((failures + 1))
  done
}

expect '' 'protection 2, live 1, size 100, domain secret' 'arenas yes' \
  "the preload library's: not there"
expect "${preload}" 'protection 2, live 1, size 100, domain secret' 'arenas yes' \
  "the preload library's: yes"
exit $((failures > 0))
