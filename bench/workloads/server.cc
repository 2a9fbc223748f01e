// A server whose requests outlive their threads, after Larson and Krishnan, "Memory Allocation
// for Long-Running Server Applications" (1998). Each thread replaces random objects of its table,
// then hands the table to a new thread, which goes on: most objects are freed by another thread
// than the one that allocated them.
#include "bench/workloads/workload.h"

using namespace secure_alloc::bench;

namespace {

struct Table {
  std::vector<Object> objects;
  Random random;
  Work work;
};

void Serve(Table& table, size_t requests, size_t smallest, size_t largest) {
  for (size_t i = 0; i < requests; ++i) {
    Object& object = table.objects[table.random.Below(table.objects.size())];
    Free(object, table.work);
    object = Allocate(table.random.Between(smallest, largest), table.work);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Parameters p(argc, argv,
                     {"GENERATIONS", "THREADS", "REQUESTS", "OBJECTS", "SMALLEST", "LARGEST"});
  return Report(InThreads(p[1], [&](size_t number) {
    Table table = {std::vector<Object>(p[3]), Random(number + 1), {}};
    for (size_t generation = 0; generation < p[0]; ++generation) {
      std::thread(Serve, std::ref(table), p[2], p[4], p[5]).join();
    }
    for (const Object& object : table.objects) Free(object, table.work);
    return table.work;
  }));
}
