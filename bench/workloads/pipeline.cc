// One thread only allocates, the other only frees.
#include "bench/workloads/queue.h"

using namespace secure_alloc::bench;

int main(int argc, char** argv) {
  const Parameters p(argc, argv, {"BATCHES", "OBJECTS", "QUEUED", "SMALLEST", "LARGEST"});
  Queue queue(p[2]);
  return Report(InThreads(2, [&](size_t number) {
    Work work;
    Random random(1);
    for (size_t i = 0; i < p[0]; ++i) {
      Batch batch = number == 0 ? Batch(p[1]) : queue.Take();
      for (Object& object : batch) {
        if (number == 0)
          object = Allocate(random.Between(p[3], p[4]), work);
        else
          Free(object, work);
      }
      if (number == 0) queue.Put(std::move(batch));
    }
    return work;
  }));
}
