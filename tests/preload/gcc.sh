#!/usr/bin/env bash
# gcc: a large C++ file full of templates, and link-time optimization; the same object bytes.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need g++ g++

source "$(dirname "${BASH_SOURCE[0]}")/../inputs/inputs.sh"

template_source 8 >"${WORK}/large.cc"
template_source 1 >"${WORK}/small.cc"
echo '#include <string>
long UseAll(const std::string&); int main() { return UseAll("aab") % 128; }' >"${WORK}/main.cc"

expect_same "g++ of a large file" g++ -std=c++20 -O2 -c "${WORK}/large.cc" -o large.o
# The part of an object that link-time optimization names at random is fixed by a seed.
expect_same "g++ -flto" bash -euc "
  for f in main small; do
    g++ -std=c++20 -O1 -flto -frandom-seed=1 -c ${WORK}/\$f.cc -o \$f.o
  done
  g++ -flto=2 -frandom-seed=1 -O1 main.o small.o -o program
  status=0; ./program || status=\$?; echo \$status"
expect_same "g++: the diagnostics of a broken file" bash -c "
  echo 'int x = \"text\"; template <class T> void f(T t) { t.g(); } void h() { f(1); }' |
    g++ -x c++ -c -
  echo \$?"
