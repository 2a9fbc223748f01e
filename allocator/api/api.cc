// The C API; contracts are in the public header.
#include <errno.h>

#include "allocator/api/query.h"
#include "allocator/api/redirect.h"
#include "allocator/api/report.h"
#include "allocator/entry/entry.h"

using namespace secure_alloc;

#define SA_EXPORT extern "C" [[gnu::visibility("default")]]
#define SA_SECRET_CALL (entry::Call{kHeapStride, __builtin_return_address(0)})

namespace secure_alloc {

constinit const Redirect* redirect = nullptr;

}  // namespace secure_alloc

namespace {

int Invalid() {
  errno = EINVAL;
  return -1;
}

}  // namespace

SA_EXPORT void* secalloc_malloc(size_t size) {
  if (redirect != nullptr) [[unlikely]] return redirect->malloc(size);
  return entry::Allocate(size, SA_SECRET_CALL);
}

SA_EXPORT void* secalloc_calloc(size_t count, size_t size) {
  if (redirect != nullptr) [[unlikely]] return redirect->calloc(count, size);
  return entry::AllocateArray(count, size, SA_SECRET_CALL);
}

SA_EXPORT void* secalloc_realloc(void* ptr, size_t size) {
  if (redirect != nullptr) [[unlikely]] return redirect->realloc(ptr, size);
  return entry::Resize(ptr, size, SA_SECRET_CALL);
}

SA_EXPORT void* secalloc_aligned_alloc(size_t alignment, size_t size) {
  if (redirect != nullptr) [[unlikely]] return redirect->aligned_alloc(alignment, size);
  return entry::AllocateAligned(alignment, size, SA_SECRET_CALL);
}

SA_EXPORT void secalloc_free(void* ptr) {
  if (redirect != nullptr) [[unlikely]] return redirect->free(ptr);
  entry::Free(ptr, SA_SECRET_CALL);
}

SA_EXPORT size_t secalloc_usable_size(const void* ptr) {
  if (redirect != nullptr) [[unlikely]] return redirect->usable_size(ptr);
  return entry::UsableSize(ptr, SA_SECRET_CALL);
}

SA_EXPORT int secalloc_query(const void* addr, struct secalloc_info* out) {
  if (redirect != nullptr) [[unlikely]] return redirect->query(addr, out);
  if (out == nullptr) return Invalid();
  Query(addr, out);
  return 0;
}

SA_EXPORT int secalloc_stats(struct secalloc_stats* out) {
  if (redirect != nullptr) [[unlikely]] return redirect->stats(out);
  if (out == nullptr) return Invalid();
  CollectStats(out);
  return 0;
}

SA_EXPORT int secalloc_trim(void) {
  if (redirect != nullptr) [[unlikely]] return redirect->trim();
  entry::Trim();
  return 0;
}
