// Zeroed tables of many sizes among a live set: calloc, a few entries used, dropped.
#include "bench/workloads/workload.h"

using namespace secure_alloc::bench;

int main(int argc, char** argv) {
  const Parameters p(argc, argv, {"TABLES", "LIVE", "LARGEST"});
  return Report(ReplaceAtRandom(p[0], p[1], [&](Random& random, Work& work) {
    // Small ones are as frequent as large ones by their number of digits.
    const size_t size = 16 + (random.Below(p[2]) >> random.Below(10));
    uint8_t* const bytes = static_cast<uint8_t*>(calloc(1, size));
    if (bytes == nullptr) OutOfMemory();
    for (size_t j = 0; j < 4; ++j) work.sum += bytes[random.Below(size)]++;
    return Own(bytes, size, work);
  }));
}
