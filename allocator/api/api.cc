// The C API; contracts are in the public header.
#include <errno.h>

#include "allocator/api/query.h"
#include "allocator/api/report.h"
#include "allocator/entry/entry.h"

using namespace secure_alloc;

#define SA_EXPORT extern "C" [[gnu::visibility("default")]]
#define SA_SECRET_CALL (entry::Call{kHeapStride, __builtin_return_address(0)})

SA_EXPORT void* secalloc_malloc(size_t size) { return entry::Allocate(size, SA_SECRET_CALL); }

SA_EXPORT void* secalloc_calloc(size_t count, size_t size) {
  return entry::AllocateArray(count, size, SA_SECRET_CALL);
}

SA_EXPORT void* secalloc_realloc(void* ptr, size_t size) {
  return entry::Resize(ptr, size, SA_SECRET_CALL);
}

SA_EXPORT void* secalloc_aligned_alloc(size_t alignment, size_t size) {
  return entry::AllocateAligned(alignment, size, SA_SECRET_CALL);
}

SA_EXPORT void secalloc_free(void* ptr) { entry::Free(ptr, SA_SECRET_CALL); }

SA_EXPORT size_t secalloc_usable_size(const void* ptr) {
  return entry::UsableSize(ptr, SA_SECRET_CALL);
}

SA_EXPORT int secalloc_query(const void* addr, struct secalloc_info* out) {
  if (out == nullptr) {
    errno = EINVAL;
    return -1;
  }
  Query(addr, out);
  return 0;
}

SA_EXPORT int secalloc_stats(struct secalloc_stats* out) {
  if (out == nullptr) {
    errno = EINVAL;
    return -1;
  }
  CollectStats(out);
  return 0;
}

SA_EXPORT int secalloc_trim(void) {
  entry::Trim();
  return 0;
}
