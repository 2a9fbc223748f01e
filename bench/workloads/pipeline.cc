// Pairs of threads: one only allocates, the other only frees.
#include "bench/workloads/queue.h"

using namespace secure_alloc::bench;

int main(int argc, char** argv) {
  const Parameters p(argc, argv, {"BATCHES", "PAIRS", "OBJECTS", "QUEUED", "SMALLEST", "LARGEST"});
  std::deque<Queue> queues;
  for (size_t i = 0; i < p[1]; ++i) queues.emplace_back(p[3]);
  return Report(InThreads(2 * p[1], [&](size_t number) {
    Queue& queue = queues[number / 2];
    const bool produces = number % 2 == 0;
    Work work;
    Random random(number + 1);
    for (size_t i = 0; i < p[0]; ++i) {
      Batch batch = produces ? Batch(p[2]) : queue.Take();
      for (Object& object : batch) {
        if (produces) {
          object = Allocate(random.Between(p[4], p[5]), work);
        } else {
          Free(object, work);
        }
      }
      if (produces) queue.Put(std::move(batch));
    }
    return work;
  }));
}
