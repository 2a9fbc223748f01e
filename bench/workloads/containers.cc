// The standard containers as programs use them: an index from words to the places where they
// occur, built, asked, changed and dropped.
#include <map>
#include <string>
#include <unordered_map>

#include "bench/workloads/workload.h"

using namespace secure_alloc::bench;

namespace {

std::string Word(size_t number) { return "the word number " + std::to_string(number * 7919); }

template <typename Index>
void UseIndex(Random& random, size_t words, size_t places, Work& work) {
  Index index;
  for (size_t i = 0; i < places; ++i) {
    index[Word(random.Below(words))].push_back(i);
    if (i % 4 == 0) index.erase(Word(random.Below(words)));
  }
  for (size_t i = 0; i < words; ++i) {
    const auto found = index.find(Word(i));
    if (found != index.end()) work.sum += found->second.size() * found->second.back();
  }
  work.objects += index.size();
}

}  // namespace

int main(int argc, char** argv) {
  const Parameters p(argc, argv, {"ROUNDS", "WORDS", "PLACES"});
  Random random(1);
  Work work;
  for (size_t i = 0; i < p[0]; ++i) {
    UseIndex<std::map<std::string, std::vector<size_t>>>(random, p[1], p[2], work);
    UseIndex<std::unordered_map<std::string, std::vector<size_t>>>(random, p[1], p[2], work);
  }
  return Report(work);
}
