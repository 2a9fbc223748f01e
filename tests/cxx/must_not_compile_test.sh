#!/usr/bin/env bash
# Misuse of secret.h that the compiler must refuse, with its reason: must_not_compile_test.sh FILE
# FILE's opening comment says how a case is written. And what must compile: the file without its
# cases, in the oldest and the newest dialect, without a warning.
set -euo pipefail

SOURCE="$1"
COMPILERS=(g++ clang++)
WORK="$(mktemp -d "${TMPDIR:-/tmp}/must_not_compile.XXXXXX")"
trap 'rm -rf "${WORK}"' EXIT
WARNINGS=(-Wall -Wextra -pedantic -Wconversion -Wsign-conversion -Werror)
CASES=0
FAILED=0

failed() {
  printf 'FAILED %s\n' "$1"
  sed -n '1,12s/^/       /p' <<<"$2"
  FAILED=$((FAILED + 1))
}

compile() {
  LC_ALL=C "$1" -fsyntax-only -Iinclude "${@:2}" "${WARNINGS[@]}" "${SOURCE}" 2>&1
}

must_compile() {
  local text
  text="$(compile "$@")" && printf 'ok     compiles: %s\n' "$*" || failed "compiles: $*" "${text}"
}

# The headers that all cases share, compiled once.
precompile() {
  rm -f "${WORK}"/headers*
  grep '^#include' "${SOURCE}" >"${WORK}/headers.h"
  "$1" -x c++-header -Iinclude -std=c++17 "${WARNINGS[@]}" "${WORK}/headers.h" \
    -o "${WORK}/headers.h.$([[ "$1" == g++ ]] && echo gch || echo pch)"
}

must_not_compile() {
  local compiler="$1" name="$2" message="$3" text
  if text="$(compile "${compiler}" -include "${WORK}/headers.h" -std=c++17 "-D${name}")"; then
    failed "${compiler} must refuse ${name}" 'it compiles'
  elif ! grep -qE -- "error: .*(${message})" <<<"${text}"; then
    failed "${compiler} refuses ${name}, but not for '${message}'" "${text}"
  else
    printf 'ok     %s refuses %s\n' "${compiler}" "${name}"
  fi
}

for compiler in "${COMPILERS[@]}"; do
  for dialect in '-std=c++17 -fno-exceptions -fno-rtti' -std=c++2b; do
    read -ra options <<<"${dialect}"
    must_compile "${compiler}" "${options[@]}"
  done
  precompile "${compiler}"
  while read -r name message; do
    CASES=$((CASES + 1))
    must_not_compile "${compiler}" "${name}" "${message}"
  done < <(sed -nE 's|^#ifdef ([A-Z_]+)  // (.*)$|\1 \2|p' "${SOURCE}")
done
printf '%d cases, %d failed\n' "${CASES}" "${FAILED}"
((CASES > 0 && FAILED == 0))
