#include "allocator/base/guarded.h"

#include "allocator/base/bits.h"
#include "allocator/os/os.h"

namespace secure_alloc {
namespace {

size_t WithGuards(size_t size) { return RoundUp(size, os::PageSize()) + 2 * os::PageSize(); }

}  // namespace

char* ReserveGuarded(size_t size) {
  void* const range = os::Reserve(WithGuards(size));
  return range == nullptr ? nullptr : static_cast<char*>(range) + os::PageSize();
}

char* MapGuarded(size_t size) {
  char* const begin = ReserveGuarded(size);
  if (begin == nullptr || os::Commit(begin, RoundUp(size, os::PageSize())) == 0) return begin;
  UnmapGuarded(begin, size);
  return nullptr;
}

void UnmapGuarded(void* begin, size_t size) {
  if (begin != nullptr) os::Unmap(static_cast<char*>(begin) - os::PageSize(), WithGuards(size));
}

}  // namespace secure_alloc
