// A cache of bounded size that drops what was used least recently: a list, a hash table, and
// values of many sizes; what is evicted was allocated long ago.
#include <list>
#include <string>
#include <unordered_map>

#include "bench/workloads/workload.h"

using namespace secure_alloc::bench;

namespace {

struct Entry {
  uint64_t key;
  std::string value;
};

}  // namespace

int main(int argc, char** argv) {
  const Parameters p(argc, argv, {"REQUESTS", "KEYS", "ENTRIES", "LARGEST"});
  Random random(1);
  Work work;
  std::list<Entry> entries;  // most recently used first
  std::unordered_map<uint64_t, std::list<Entry>::iterator> index;
  for (size_t i = 0; i < p[0]; ++i) {
    // The product of two draws: some keys are asked for far more often than others.
    const uint64_t key = random.Below(p[1]) * random.Below(p[1]) / p[1];
    const auto found = index.find(key);
    if (found != index.end()) {
      entries.splice(entries.begin(), entries, found->second);
      work.sum += found->second->value.size();
      continue;
    }
    entries.push_front({key, std::string(random.Between(1, p[3]), 'v')});
    index[key] = entries.begin();
    ++work.objects;
    if (entries.size() <= p[2]) continue;
    index.erase(entries.back().key);
    entries.pop_back();
  }
  return Report(work);
}
