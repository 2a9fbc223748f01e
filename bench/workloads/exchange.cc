// Threads in a ring: each allocates batches for the next and frees those of the one before, so
// every object is freed by another thread, and every thread does both.
#include "bench/workloads/queue.h"

using namespace secure_alloc::bench;

int main(int argc, char** argv) {
  const Parameters p(argc, argv,
                     {"BATCHES", "THREADS", "OBJECTS", "QUEUED", "SMALLEST", "LARGEST"});
  std::deque<Queue> queues;
  for (size_t i = 0; i < p[1]; ++i) queues.emplace_back(p[3]);
  return Report(InThreads(p[1], [&](size_t number) {
    Work work;
    Random random(number + 1);
    for (size_t i = 0; i < p[0]; ++i) {
      Batch batch(p[2]);
      for (Object& object : batch) object = Allocate(random.Between(p[4], p[5]), work);
      queues[(number + 1) % p[1]].Put(std::move(batch));
      for (const Object& object : queues[number].Take()) Free(object, work);
    }
    return work;
  }));
}
