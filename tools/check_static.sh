#!/usr/bin/env bash
# What clang says of the code without running it: tools/check_static.sh [locks|tidy]...
#
#   locks   that what a lock guards is touched under it, in the library: half a minute
#   tidy    clang-tidy by the checks of .clang-tidy, in the library and the command: minutes
#
# Both by default. Exits 1 if either finds something.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "${ROOT}"

FLAGS=(-std=c++20 -I. -Iinclude)
FAILED=0

# each COMMAND...: with each file that is read as one more argument, two at once.
each() {
  xargs -0 -n 1 -P 2 "$@"
}

need() {
  command -v "$1" >/dev/null ||
    { printf 'SKIP: machine: there is no %s; apt-get install %s\n' "$1" "$1"; exit 0; }
}

check_locks() {
  need clang++
  printf '%s\0' allocator/*/*.cc preload/*.cc |
    each clang++ "${FLAGS[@]}" -fsyntax-only -Wthread-safety -Werror=thread-safety
}

check_tidy() {
  need clang-tidy
  find allocator preload -name '*.cc' -print0 |
    each bash -c 'clang-tidy --quiet "${@: -1}" -- "${@:1:$#-1}" 2>/dev/null' tidy "${FLAGS[@]}"
}

main() {
  local check
  (($# > 0)) || set -- locks tidy
  for check in "$@"; do
    printf '== %s\n' "${check}"
    case "${check}" in
      locks) check_locks || FAILED=1 ;;
      tidy) check_tidy || FAILED=1 ;;
      *) printf "check_static: no check '%s'; there are locks and tidy\n" "${check}" >&2; exit 2 ;;
    esac
  done
  exit "${FAILED}"
}

main "$@"
