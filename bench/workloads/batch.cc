// Objects allocated in batches and freed in one of three orders: 0 last first, 1 first first,
// 2 at random.
#include <algorithm>
#include <numeric>
#include <random>

#include "bench/workloads/workload.h"

using namespace secure_alloc::bench;

int main(int argc, char** argv) {
  const Parameters p(argc, argv, {"ROUNDS", "ORDER", "OBJECTS", "SMALLEST", "LARGEST"});
  std::vector<uint32_t> order(p[2]);
  std::iota(order.begin(), order.end(), 0);
  if (p[1] == 0) std::reverse(order.begin(), order.end());
  if (p[1] == 2) std::shuffle(order.begin(), order.end(), std::mt19937(1));
  std::vector<Object> objects(p[2]);
  Random random(1);
  Work work;
  for (size_t round = 0; round < p[0]; ++round) {
    for (Object& object : objects) object = Allocate(random.Between(p[3], p[4]), work);
    for (const uint32_t i : order) Free(objects[i], work);
  }
  return Report(work);
}
