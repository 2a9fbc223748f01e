// Linked into a unit test it lets the environment say how long the kernel's pages are.
#include <stdlib.h>

#include "allocator/os/os.h"

namespace {

// Before any variable is initialised by it.
[[gnu::constructor(101)]] void Pretend() {
  if (const char* const bytes = getenv("SA_TEST_PAGE_SIZE")) {
    secure_alloc::os::PretendPageSize(strtoul(bytes, nullptr, 10));
  }
}

}  // namespace
