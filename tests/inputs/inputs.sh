#!/usr/bin/env bash
# Input for real programs, for tests and for bench/macro. Source this file.
#
#   template_source N   C++ with types built from types, and N functions that each instantiate
#                       the containers anew
#   git_history N       for git fast-import: N commits of files that change a little each time, on
#                       main and a branch

template_source() {
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

git_history() {
  awk -v commits="$1" 'BEGIN {
    for (c = 1; c <= commits; c++) {
      printf "commit refs/heads/%s\n", c % 9 ? "main" : "side"
      printf "committer T <t@example.org> %d +0000\n", 1600000000 + c * 600
      message = "commit " c " changes file " c % 37 "\n"
      printf "data %d\n%s", length(message), message
      if (c == 9) print "from refs/heads/main"
      body = ""
      for (l = 1; l <= 60 + c % 200; l++)
        body = body "line " l " of file, value " int((c + l) / 50) * l "\n"
      printf "M 100644 inline dir%d/%s%d.txt\n", c % 5, c % 9 ? "file" : "side", c % 37
      printf "data %d\n%s\n", length(body), body
    }
    print "done" }'
}
