// Large objects, sizes spread evenly over the powers of two between SMALLEST and LARGEST. With
// one live object a buffer is taken, used and given back; with more of them they are replaced at
// random. The first byte of each STRIDE bytes is written: 64 is a program that fills what it asks
// for, 4096 one that asks for more than it needs but uses every page.
#include "bench/workloads/workload.h"

using namespace secure_alloc::bench;

namespace {

size_t DrawSize(Random& random, size_t smallest, size_t largest) {
  size_t doublings = 0;
  while (smallest << (doublings + 1) <= largest) ++doublings;
  const size_t base = smallest << random.Below(doublings);
  return base + random.Below(base);
}

void Fill(const Object& object, size_t stride, Work& work) {
  for (size_t i = 0; i < object.size; i += stride)
    object.bytes[i] = static_cast<uint8_t>(i / stride);
  for (size_t i = 0; i < object.size; i += 4 * stride) work.sum += object.bytes[i];
}

}  // namespace

int main(int argc, char** argv) {
  const Parameters p(argc, argv, {"OBJECTS", "LIVE", "SMALLEST", "LARGEST", "STRIDE"});
  return Report(ReplaceAtRandom(p[0], p[1], [&](Random& random, Work& work) {
    const Object object = Allocate(DrawSize(random, p[2], p[3]), work);
    Fill(object, p[4], work);
    return object;
  }));
}
