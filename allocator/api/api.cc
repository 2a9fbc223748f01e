// The C API; contracts are in the public header.
#include <errno.h>

#include "allocator/api/advice.h"
#include "allocator/api/query.h"
#include "allocator/api/redirect.h"
#include "allocator/api/result.h"
#include "allocator/api/stats.h"
#include "allocator/domain/lockdown.h"
#include "allocator/entry/entry.h"

using namespace secure_alloc;

#define SA_SECRET_CALL (entry::Call{kSecretBins, __builtin_return_address(0)})

namespace secure_alloc {

constinit const Redirect* redirect = nullptr;

}  // namespace secure_alloc

namespace {

// Advice makes mappings.
bool GrowthIsLocked() { return (LockedDown() & kLockGrowth) != 0; }

}  // namespace

SA_EXPORT void* secalloc_malloc(size_t size) {
  SA_REDIRECT(malloc, size);
  if (void* const object = AllocateInline(size, kSecretBins)) [[likely]] return object;
  return entry::AllocateSlow(size, SA_SECRET_CALL);
}

SA_EXPORT void* secalloc_calloc(size_t count, size_t size) {
  SA_REDIRECT(calloc, count, size);
  return entry::AllocateArray(count, size, SA_SECRET_CALL);
}

SA_EXPORT void* secalloc_realloc(void* ptr, size_t size) {
  SA_REDIRECT(realloc, ptr, size);
  return entry::Resize(ptr, size, SA_SECRET_CALL);
}

SA_EXPORT void* secalloc_aligned_alloc(size_t alignment, size_t size) {
  SA_REDIRECT(aligned_alloc, alignment, size);
  return entry::AllocateAligned(alignment, size, SA_SECRET_CALL);
}

SA_EXPORT void secalloc_free(void* ptr) {
  SA_REDIRECT(free, ptr);
  if (!FreeInline(ptr)) [[unlikely]] entry::FreeSlow(ptr, SA_SECRET_CALL);
}

SA_EXPORT size_t secalloc_usable_size(const void* ptr) {
  SA_REDIRECT(usable_size, ptr);
  return entry::UsableSize(ptr, SA_SECRET_CALL);
}

SA_EXPORT int secalloc_query(const void* addr, struct secalloc_info* out) {
  SA_REDIRECT(query, addr, out);
  if (out == nullptr) return Result(EINVAL);
  Query(addr, out);
  return 0;
}

SA_EXPORT int secalloc_stats(struct secalloc_stats* out) {
  SA_REDIRECT(stats, out);
  if (out == nullptr) return Result(EINVAL);
  CollectStats(out);
  return 0;
}

SA_EXPORT int secalloc_madvise(void* addr, size_t length, int advice) {
  SA_REDIRECT(madvise, addr, length, advice);
  if (GrowthIsLocked()) return Result(EPERM);
  return Result(Madvise(Address(addr), length, advice));
}

SA_EXPORT int secalloc_mark(void* ptr, int advice) {
  SA_REDIRECT(mark, ptr, advice);
  if (GrowthIsLocked()) return Result(EPERM);
  return Result(Mark(ptr, advice));
}

SA_EXPORT int secalloc_trim(void) {
  SA_REDIRECT(trim);
  entry::Trim();
  return 0;
}
