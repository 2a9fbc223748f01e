// malloc(3) and its family, as glibc, POSIX, C23 and OpenBSD have them.
#include <errno.h>
#include <stdlib.h>

#include <cstring>

#include "allocator/base/bits.h"
#include "allocator/base/bytes.h"
#include "allocator/os/os.h"
#include "preload/exports.h"

using namespace secure_alloc;

namespace {

[[gnu::noinline]] void* AllocateSlowFor(const void* caller, size_t size) {
  return entry::AllocateSlow(size, {rules::DomainOf(caller, size), caller});
}

[[gnu::noinline]] void* AllocateArraySlowFor(const void* caller, size_t count, size_t size) {
  return entry::AllocateArray(count, size, {rules::DomainOf(caller, count * size), caller});
}

}  // namespace

SA_EXPORT void* malloc(size_t size) {
  const void* const caller = __builtin_return_address(0);
  if (void* const object = AllocateInlineFor(caller, size)) [[likely]] return object;
  return AllocateSlowFor(caller, size);
}

SA_EXPORT void free(void* ptr) {
  if (!FreeInline(ptr)) [[unlikely]] entry::FreeSlow(ptr, SA_CALL_OF_ANY_DOMAIN);
}

SA_EXPORT void* calloc(size_t count, size_t size) {
  const void* const caller = __builtin_return_address(0);
  size_t total;
  if (!__builtin_mul_overflow(count, size, &total)) [[likely]] {
    // All memory is zero here.
    if (void* const object = AllocateInlineFor(caller, total)) [[likely]] return object;
  }
  return AllocateArraySlowFor(caller, count, size);
}

SA_EXPORT void* realloc(void* ptr, size_t size) { return entry::Resize(ptr, size, SA_CALL(size)); }

SA_EXPORT void* reallocarray(void* ptr, size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) {
    errno = ENOMEM;
    return nullptr;
  }
  return entry::Resize(ptr, total, SA_CALL(total));
}

SA_EXPORT void* aligned_alloc(size_t alignment, size_t size) {
  return entry::AllocateAligned(alignment, size, SA_CALL(size));
}

// As glibc's: an alignment that is no power of two is rounded up to one, and 0 asks for none.
SA_EXPORT void* memalign(size_t alignment, size_t size) {
  if (alignment == 0) return entry::Allocate(size, SA_CALL(size));
  if (alignment > PTRDIFF_MAX) {
    errno = EINVAL;
    return nullptr;
  }
  return entry::AllocateAligned(size_t{1} << CeilLog2(alignment), size, SA_CALL(size));
}

SA_EXPORT int posix_memalign(void** result, size_t alignment, size_t size) {
  if (!IsPowerOfTwo(alignment) || alignment % sizeof(void*) != 0) return EINVAL;
  const int saved_errno = errno;  // POSIX: the value is returned, not set.
  void* const object = entry::AllocateAligned(alignment, size, SA_CALL(size));
  errno = saved_errno;
  if (object == nullptr) return ENOMEM;
  *result = object;
  return 0;
}

SA_EXPORT void* valloc(size_t size) {
  return entry::AllocateAligned(os::PageSize(), size, SA_CALL(size));
}

SA_EXPORT void* pvalloc(size_t size) {
  if (size > PTRDIFF_MAX) {
    errno = ENOMEM;
    return nullptr;
  }
  const size_t rounded = size == 0 ? os::PageSize() : RoundUp(size, os::PageSize());
  return entry::AllocateAligned(os::PageSize(), rounded, SA_CALL(rounded));
}

SA_EXPORT size_t malloc_usable_size(void* ptr) {
  return entry::UsableSize(ptr, SA_CALL_OF_ANY_DOMAIN);
}

// C23.
SA_EXPORT void free_sized(void* ptr, size_t size) {
  if (!FreeInline(ptr, size)) [[unlikely]] {
    entry::FreeSizedSlow(ptr, size, SA_CALL_OF_ANY_DOMAIN);
  }
}

SA_EXPORT void free_aligned_sized(void* ptr, size_t alignment, size_t size) {
  (void)alignment;
  entry::FreeSizedSlow(ptr, size, SA_CALL_OF_ANY_DOMAIN);
}

// OpenBSD: concealed memory is what the secret domain is for.
SA_EXPORT void* malloc_conceal(size_t size) {
  if (void* const object = AllocateInline(size, kSecretBins)) [[likely]] return object;
  return entry::AllocateSlow(size, {kSecretBins, __builtin_return_address(0)});
}

SA_EXPORT void* calloc_conceal(size_t count, size_t size) {
  return entry::AllocateArray(count, size, {kSecretBins, __builtin_return_address(0)});
}

SA_EXPORT void freezero(void* ptr, size_t size) {
  entry::FreeWiped(ptr, size, SA_CALL_OF_ANY_DOMAIN);
}

SA_EXPORT void* recallocarray(void* ptr, size_t old_count, size_t count, size_t size) {
  size_t total, old_total = 0;
  if (ptr != nullptr && __builtin_mul_overflow(old_count, size, &old_total)) {
    errno = EINVAL;
    return nullptr;
  }
  if (__builtin_mul_overflow(count, size, &total)) {
    errno = ENOMEM;
    return nullptr;
  }
  if (ptr == nullptr) return entry::AllocateArray(1, total, SA_CALL(total));
  if (total == 0) {
    entry::FreeWiped(ptr, old_total, SA_CALL_OF_ANY_DOMAIN);
    return entry::Allocate(0, SA_CALL(0));
  }
  return entry::ResizeWiped(ptr, old_total, total, SA_CALL(total));
}
