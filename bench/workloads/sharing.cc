// False sharing, after Berger et al., "Hoard" (2000): threads that write small objects of their
// own suffer if these lie in one cache line. 0 active: does the allocator hand a line's parts to
// several threads? 1 passive: each thread first frees an object that the main thread allocated
// beside the others'; does it get its line back?
#include "bench/workloads/workload.h"

using namespace secure_alloc::bench;

namespace {

void Write(const Object& object, size_t times, Work& work) {
  volatile uint8_t* const bytes = object.bytes;
  for (size_t i = 0; i < times; ++i) bytes[i % object.size] = bytes[i % object.size] + 1;
  work.sum += bytes[0];
}

}  // namespace

int main(int argc, char** argv) {
  const Parameters p(argc, argv, {"ROUNDS", "PASSIVE", "THREADS", "WRITES", "SIZE"});
  Work first;
  std::vector<Object> objects(p[2]);
  if (p[1] == 1) {
    for (Object& object : objects) object = Allocate(p[4], first);
  }
  first += InThreads(p[2], [&](size_t number) {
    Work work;
    Free(objects[number], work);
    for (size_t round = 0; round < p[0]; ++round) {
      const Object object = Allocate(p[4], work);
      Write(object, p[3], work);
      Free(object, work);
    }
    return work;
  });
  return Report(first);
}
