// Objects at aligned addresses, from a vector register's width to a page, among ordinary ones.
#include "bench/workloads/workload.h"

using namespace secure_alloc::bench;

namespace {

// posix_memalign: some allocators' aligned_alloc wants a size that is a multiple, as C11 did.
Object AllocateAligned(size_t alignment, size_t size, Work& work) {
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment, size) != 0) OutOfMemory();
  return Own(memory, size, work);
}

}  // namespace

int main(int argc, char** argv) {
  const Parameters p(argc, argv, {"OBJECTS", "LIVE", "LARGEST"});
  Random random(1);
  Work work;
  std::vector<Object> live(p[1]);
  for (size_t i = 0; i < p[0]; ++i) {
    Object& object = live[random.Below(live.size())];
    Free(object, work);
    const size_t alignment = size_t{32} << random.Below(random.Below(16) == 0 ? 8 : 3);
    const size_t size = random.Between(1, p[2]);
    object = random.Below(2) == 0 ? AllocateAligned(alignment, size, work) : Allocate(size, work);
  }
  for (const Object& object : live) Free(object, work);
  return Report(work);
}
