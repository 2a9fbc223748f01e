// Alignments up to far beyond a span of the heap: each object is where it must be, whole,
// its own, and can be moved and freed.
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <string>
#include <vector>

#include "tests/limits/support.h"

using namespace secure_alloc::test;

namespace {

constexpr size_t kSizes[] = {0, 1, 100, 5000, 100000, 3000000};

bool IsAll(const char* bytes, size_t size, char value) {
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i] != value) return false;
  }
  return true;
}

struct Object {
  char* bytes;
  size_t size;
};

// An object of each size, all alive at once.
std::vector<Object> MakeAll(void* (*allocate)(size_t, size_t), size_t alignment, bool* right) {
  std::vector<Object> objects;
  for (const size_t size : kSizes) {
    char* const bytes = static_cast<char*>(allocate(alignment, size));
    *right = *right && bytes != nullptr && reinterpret_cast<uintptr_t>(bytes) % alignment == 0 &&
             IsAll(bytes, size, 0);
    if (bytes == nullptr) continue;
    struct secalloc_info info;
    (void)secalloc_query(bytes, &info);  // Fails only without a place for the answer.
    *right = *right && info.live == 1 && info.object == bytes;
    memset(bytes, static_cast<int>(objects.size() + 1), size);
    objects.push_back({bytes, size});
  }
  return objects;
}

bool Works(void* (*allocate)(size_t, size_t), size_t alignment) {
  bool right = true;
  char value = 0;
  for (const Object& object : MakeAll(allocate, alignment, &right)) {
    ++value;
    right = right && IsAll(object.bytes, object.size, value);
    char* const moved = static_cast<char*>(realloc(object.bytes, object.size * 2 + 1));
    right = right && moved != nullptr && IsAll(moved, object.size, value) &&
            malloc_usable_size(moved) == object.size * 2 + 1;
    free(moved);
  }
  return right;
}

}  // namespace

int main() {
  for (unsigned log = 4; log <= 30; ++log) {
    const std::string name = "alignment 2^" + std::to_string(log);
    Fact(name, Works(aligned_alloc, size_t{1} << log));
    Fact(name + ", secret", Works(secalloc_aligned_alloc, size_t{1} << log));
  }
  return Summary();
}
