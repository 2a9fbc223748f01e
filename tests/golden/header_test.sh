#!/usr/bin/env bash
# The public header compiles alone, without a warning, as C99 and as C++: header_test.sh HEADER
set -euo pipefail

for compiler in "gcc -x c -std=c99" "gcc -x c -std=c2x" "g++ -x c++ -std=c++11" \
  "g++ -x c++ -std=c++20"; do
  read -ra command <<<"${compiler}"
  "${command[@]}" -Wall -Wextra -pedantic -Werror -fsyntax-only "$1"
  printf 'ok     %s\n' "${compiler}"
done
