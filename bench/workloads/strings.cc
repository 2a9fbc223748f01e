// Text taken apart and put together: lines are split into words, words are changed, sorted and
// joined again; every step makes strings that die with the line.
#include <algorithm>
#include <string>

#include "bench/workloads/workload.h"

using namespace secure_alloc::bench;

namespace {

std::vector<std::string> Split(const std::string& line) {
  std::vector<std::string> words;
  for (size_t start = 0, end; start < line.size(); start = end + 1) {
    end = std::min(line.find(' ', start), line.size());
    words.push_back(line.substr(start, end - start));
  }
  return words;
}

std::string Join(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) line += word + ' ';
  return line;
}

}  // namespace

int main(int argc, char** argv) {
  const Parameters p(argc, argv, {"LINES", "WORDS", "LONGEST", "KEPT"});
  Random random(1);
  Work work;
  std::vector<std::string> kept(p[3]);
  for (size_t i = 0; i < p[0]; ++i) {
    std::vector<std::string> words;
    for (size_t j = random.Between(1, p[1]); j > 0; --j) {
      words.emplace_back(random.Between(1, p[2]), static_cast<char>('a' + random.Below(26)));
    }
    std::vector<std::string> parts = Split(Join(words));
    std::sort(parts.begin(), parts.end());
    for (std::string& part : parts) part.insert(0, "<").append(">");
    std::string& place = kept[random.Below(kept.size())];
    work.sum += place.size();
    place = Join(parts);
    work.objects += parts.size();
  }
  return Report(work);
}
