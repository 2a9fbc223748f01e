// Many threads that live for a few objects: one after the other, in so many rows at once.
#include "bench/workloads/workload.h"

using namespace secure_alloc::bench;

namespace {

void Live(size_t seed, size_t count, size_t largest, Work& work) {
  Random random(seed);
  std::vector<Object> objects(count);
  for (Object& object : objects) object = Allocate(random.Between(1, largest), work);
  for (const Object& object : objects) Free(object, work);
}

}  // namespace

int main(int argc, char** argv) {
  const Parameters p(argc, argv, {"GENERATIONS", "ROWS", "OBJECTS", "LARGEST"});
  return Report(InThreads(p[1], [&](size_t row) {
    Work work;
    for (size_t i = 0; i < p[0]; ++i) {
      std::thread(Live, row * p[0] + i, p[2], p[3], std::ref(work)).join();
    }
    return work;
  }));
}
