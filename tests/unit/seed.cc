#include "tests/unit/seed.h"

#include <stdio.h>
#include <stdlib.h>

namespace secure_alloc::test {

uint64_t Seed() {
  const char* const text = getenv("SECALLOC_TEST_SEED");
  const uint64_t seed = text != nullptr
                            ? strtoull(text, nullptr, 0)
                            : uint64_t{std::random_device{}()} << 32 | std::random_device{}();
  printf("SECALLOC_TEST_SEED=%#lx\n", static_cast<unsigned long>(seed));
  fflush(stdout);
  return seed;
}

}  // namespace secure_alloc::test
