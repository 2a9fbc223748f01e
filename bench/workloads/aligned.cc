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
  return Report(ReplaceAtRandom(p[0], p[1], [&](Random& random, Work& work) {
    const size_t alignment = size_t{32} << random.Below(random.Below(16) == 0 ? 8 : 3);
    const size_t size = random.Between(1, p[2]);
    return random.Below(2) == 0 ? AllocateAligned(alignment, size, work) : Allocate(size, work);
  }));
}
