// The C API of domains; contracts are in the public header.
#include <errno.h>

#include <cstring>

#include "allocator/api/protection.h"
#include "allocator/api/redirect.h"
#include "allocator/api/result.h"
#include "allocator/api/stats.h"
#include "allocator/base/system_page.h"
#include "allocator/domain/created_domain.h"
#include "allocator/domain/lockdown.h"
#include "allocator/entry/entry.h"
#include "allocator/heap/live_object.h"
#include "allocator/os/keys.h"

using namespace secure_alloc;

namespace {

// As the header counts objects, one in a slab of its own may fill 5/8 of its pages; and at an
// arena's end less than the pages of the longest slot may be left.
constexpr size_t kReservePercent = 160;
constexpr size_t kReservePages = 8;

CreatedDomain* Created(secalloc_domain* domain) { return reinterpret_cast<CreatedDomain*>(domain); }

Domain& DomainBehind(secalloc_domain* domain) {
  return domain == nullptr ? secret_domain : Created(domain)->domain();
}

// What the kernel says, in the words of the public header.
int ReservationError(int error) {
  switch (error) {
    case 0: return 0;
    case EAGAIN: case EFAULT: case EMFILE: return EAGAIN;
    case ENOSYS: case EPERM: return EOPNOTSUPP;
    default: return ENOMEM;
  }
}

// A program in C may have put anything there. C++ knows no such value: it is not read as one.
template <typename Enum>
unsigned ValueOf(const Enum& given) {
  unsigned value;
  static_assert(sizeof value == sizeof given);
  std::memcpy(&value, &given, sizeof value);
  return value;
}

bool ToFallback(const enum secalloc_fallback& given, Fallback* fallback) {
  switch (ValueOf(given)) {
    case SECALLOC_FALLBACK_DEFAULT: *fallback = entry::CurrentOptions().fallback; return true;
    case SECALLOC_FALLBACK_LOCKED: *fallback = Fallback::kLocked; return true;
    case SECALLOC_FALLBACK_NONE: *fallback = Fallback::kNone; return true;
    case SECALLOC_FALLBACK_PLAIN: *fallback = Fallback::kPlain; return true;
  }
  return false;
}

bool ToFork(const enum secalloc_fork& given, ForkPolicy* fork) {
  switch (ValueOf(given)) {
    case SECALLOC_FORK_DEFAULT: *fork = entry::CurrentOptions().fork; return true;
    case SECALLOC_FORK_COPY: *fork = ForkPolicy::kCopy; return true;
    case SECALLOC_FORK_DENY: *fork = ForkPolicy::kDeny; return true;
    case SECALLOC_FORK_SHARE: *fork = ForkPolicy::kShare; return true;
  }
  return false;
}

bool IsZero(const uint64_t (&words)[4]) {
  return (words[0] | words[1] | words[2] | words[3]) == 0;
}

}  // namespace

SA_EXPORT secalloc_domain* secalloc_domain_create(const struct secalloc_domain_config* config) {
  SA_REDIRECT(domain_create, config);
  DomainConfig settings;
  if (!entry::Start()) {
    errno = ENOMEM;
    return nullptr;
  }
  if (config == nullptr || config->name == nullptr ||
      (config->flags & ~SECALLOC_DOMAIN_PKEY) != 0 ||
      !IsZero(config->reserved) || !ToFallback(config->fallback, &settings.fallback) ||
      !ToFork(config->fork, &settings.fork)) {
    errno = EINVAL;
    return nullptr;
  }
  settings.name = config->name;
  settings.quota = config->quota != 0 ? config->quota : SIZE_MAX;
  settings.keyed = (config->flags & SECALLOC_DOMAIN_PKEY) != 0;
  int error;
  CreatedDomain* const domain = CreatedDomain::New(settings, &error);
  if (domain == nullptr) errno = error;
  return reinterpret_cast<secalloc_domain*>(domain);
}

SA_EXPORT int secalloc_domain_destroy(secalloc_domain* domain) {
  SA_REDIRECT(domain_destroy, domain);
  if (domain == nullptr) return Result(EINVAL);
  if ((LockedDown() & kLockMaps) != 0) return Result(EPERM);
  CreatedDomain::Delete(Created(domain));
  return 0;
}

SA_EXPORT void* secalloc_domain_malloc(secalloc_domain* domain, size_t size) {
  SA_REDIRECT(domain_malloc, domain, size);
  return entry::AllocateIn(DomainBehind(domain), size, 1);
}

SA_EXPORT void* secalloc_domain_calloc(secalloc_domain* domain, size_t count, size_t size) {
  SA_REDIRECT(domain_calloc, domain, count, size);
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) total = SIZE_MAX;  // No object is so large.
  return entry::AllocateIn(DomainBehind(domain), total, 1);
}

SA_EXPORT void* secalloc_domain_realloc(secalloc_domain* domain, void* ptr, size_t size) {
  SA_REDIRECT(domain_realloc, domain, ptr, size);
  return entry::ResizeIn(DomainBehind(domain), ptr, size, __builtin_return_address(0));
}

SA_EXPORT void* secalloc_domain_aligned_alloc(secalloc_domain* domain, size_t alignment,
                                              size_t size) {
  SA_REDIRECT(domain_aligned_alloc, domain, alignment, size);
  return entry::AllocateIn(DomainBehind(domain), size, alignment);
}

SA_EXPORT void secalloc_domain_free(secalloc_domain* domain, void* ptr) {
  SA_REDIRECT(domain_free, domain, ptr);
  if (ptr == nullptr) return;
  entry::FreeFrom(DomainBehind(domain), ptr, __builtin_return_address(0));
}

SA_EXPORT void* secalloc_domain_alloc_pages(secalloc_domain* domain, size_t alignment, size_t size,
                                            unsigned flags) {
  SA_REDIRECT(domain_alloc_pages, domain, alignment, size, flags);
  if ((flags & ~SECALLOC_AT_END) != 0) {
    errno = EINVAL;
    return nullptr;
  }
  return entry::AllocateOwnPages(DomainBehind(domain), size, alignment, flags != 0);
}

SA_EXPORT int secalloc_protect(void* ptr, int prot) {
  SA_REDIRECT(protect, ptr, prot);
  if (!IsProtection(prot)) return Result(EINVAL);
  if ((LockedDown() & kLockMaps) != 0) return Result(EPERM);
  return Result(SetAccess(ptr, AccessOf(prot), __builtin_return_address(0)));
}

SA_EXPORT int secalloc_domain_access(secalloc_domain* domain, int prot) {
  SA_REDIRECT(domain_access, domain, prot);
  if (!IsProtection(prot)) return Result(EINVAL);
  const unsigned key = DomainBehind(domain).key();
  if (key == os::kNoKey) return Result(EOPNOTSUPP);
  os::SetAccessBy(key, KeyAccessOf(prot));
  return 0;
}

SA_EXPORT int secalloc_domain_get_access(secalloc_domain* domain) {
  SA_REDIRECT(domain_get_access, domain);
  return ProtectionBy(DomainBehind(domain).key());
}

SA_EXPORT int secalloc_domain_stats(secalloc_domain* domain, struct secalloc_stats* out) {
  SA_REDIRECT(domain_stats, domain, out);
  if (out == nullptr) return Result(EINVAL);
  CollectStats(DomainBehind(domain), out);
  return 0;
}

SA_EXPORT int secalloc_reserve(secalloc_domain* domain, size_t bytes) {
  SA_REDIRECT(reserve, domain, bytes);
  if (bytes == 0) return Result(EINVAL);
  if ((LockedDown() & kLockGrowth) != 0) return Result(EPERM);
  if (!entry::Start() || bytes > SIZE_MAX / kReservePercent) return Result(ENOMEM);
  const size_t pages =
      (bytes * kReservePercent / 100 >> kPageShift) + (1 + kReservePages) * SystemPage();
  return Result(ReservationError(DomainBehind(domain).ReservePages(pages)));
}

SA_EXPORT int secalloc_reserve_objects(secalloc_domain* domain, size_t count, size_t size) {
  SA_REDIRECT(reserve_objects, domain, count, size);
  if (size == 0) return Result(EINVAL);
  if ((LockedDown() & kLockGrowth) != 0) return Result(EPERM);
  if (!entry::Start()) return Result(ENOMEM);
  return Result(ReservationError(DomainBehind(domain).ReserveObjects(size, count)));
}
