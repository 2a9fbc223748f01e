#!/usr/bin/env bash
# The API library alone has a heap of its own; under the preload library it has that one's:
# one_heap_test.sh PROGRAM API_LIBRARY PRELOAD_LIBRARY
set -euo pipefail
failures=0

# expect LINE OUTPUT
expect() {
  grep -qxF -- "$1" <<<"$2" && { printf 'ok     %s\n' "$1"; return; }
  printf 'FAILED %s\n%s\n' "$1" "$2"
  failures=$((failures + 1))
}

alone="$("$1" "$2")"
expect 'protection 2, live 1, size 100, domain secret' "${alone}"
expect 'arenas yes' "${alone}"
expect "the preload library's: not there" "${alone}"
preloaded="$(LD_PRELOAD="$(realpath "$3")" "$1" "$2")"
expect 'protection 2, live 1, size 100, domain secret' "${preloaded}"
expect 'arenas yes' "${preloaded}"
expect "the preload library's: yes" "${preloaded}"
exit $((failures > 0))
