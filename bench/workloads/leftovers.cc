// Growth and shrink with leftovers: in each phase objects of another range of sizes fill a
// budget of bytes (from 16 << phase to SPREAD times that), then nearly all are freed, at random.
// One in LEFT stays for STAY phases and keeps what lies around it from being of use: fragmentation
// shows as memory, and over the phases as growth.
#include <deque>

#include "bench/workloads/workload.h"

using namespace secure_alloc::bench;

int main(int argc, char** argv) {
  const Parameters p(argc, argv, {"PHASES", "BYTES", "LEFT", "STAY", "SPREAD"});
  Random random(1);
  Work work;
  std::deque<std::vector<Object>> left;
  for (size_t phase = 0; phase < p[0]; ++phase) {
    const size_t smallest = 16 << (phase % 5), largest = smallest * p[4];
    std::vector<Object> objects;
    for (size_t bytes = 0; bytes < p[1]; bytes += objects.back().size) {
      objects.push_back(Allocate(random.Between(smallest, largest), work));
    }
    left.emplace_back();
    for (size_t i = objects.size(); i > 0; --i) {
      std::swap(objects[i - 1], objects[random.Below(i)]);
      if (i % p[2] == 0)
        left.back().push_back(objects[i - 1]);
      else
        Free(objects[i - 1], work);
    }
    if (left.size() > p[3]) {
      for (const Object& object : left.front()) Free(object, work);
      left.pop_front();
    }
  }
  for (const std::vector<Object>& objects : left) {
    for (const Object& object : objects) Free(object, work);
  }
  return Report(work);
}
