#!/usr/bin/env bash
# gcc: a large C++ file full of templates, and link-time optimization; the same object bytes.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need g++ g++

# Types built from types, and $1 functions that each instantiate the containers anew.
source_text() {
  cat <<'CODE'
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <regex>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>
template <int N> struct Tag { long value[N % 7 + 1]; };
template <int... Ns> constexpr int Total(std::integer_sequence<int, Ns...>) {
  return ((Ns * Ns) + ... + 0);
}
template <int N> struct Tower : Tower<N - 1> {
  Tag<N> tag;
  virtual int Height() { return N + Tower<N - 1>::Height(); }
};
template <> struct Tower<0> {
  virtual ~Tower() = default;
  virtual int Height() { return 0; }
};
template struct Tower<200>;
static_assert(Total(std::make_integer_sequence<int, 500>{}) > 0);
template <int N> long Use(const std::string& text) {
  using Function = std::function<long(Tag<N>)>;
  std::map<std::string, std::vector<std::tuple<int, Tag<N>, std::string>>> ordered;
  std::unordered_map<std::string, std::variant<int, Tag<N>, Function>> hashed;
  for (int i = 0; i < N; ++i) {
    ordered[text].emplace_back(i, Tag<N>{}, text);
    hashed[text + char('a' + i)] = Function([i](Tag<N> t) { return t.value[0] + i; });
  }
  auto& list = ordered[text];
  std::sort(list.begin(), list.end(),
            [](auto& a, auto& b) { return std::get<2>(a) < std::get<2>(b); });
  return std::accumulate(list.begin(), list.end(), long(hashed.size()),
                         [](long sum, auto& t) { return sum + std::get<0>(t); });
}
long UseAll(const std::string& text) {
  const bool found = std::regex_search(text, std::regex("a+b*"));
  long sum = found ? std::make_unique<Tower<200>>()->Height() : 0;
CODE
  for ((i = 1; i <= $1; i++)); do echo "  sum += Use<${i}>(text);"; done
  echo '  return sum;'
  echo '}'
}
source_text 8 >"${WORK}/large.cc"
source_text 1 >"${WORK}/small.cc"
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
