#include <errno.h>
#include <sys/mman.h>

#include <atomic>
#include <cstring>

#include "allocator/os/internal.h"
#include "allocator/os/live.h"
#include "allocator/os/os.h"

namespace secure_alloc::os {

constinit std::atomic<unsigned> places_left{0};

namespace {

// 0: not asked yet.
constinit std::atomic<size_t> page_size{0};
constinit bool is_pretended = false;

// Where the kernel's pages are smaller, what it maps may begin anywhere in ours.
void* MapAligned(size_t length, int protection, int flags) {
  const size_t more = length + PageSize();
  const long result = Map(nullptr, more, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags);
  if (Failed(result)) return nullptr;
  const size_t begin = static_cast<size_t>(result);
  const size_t aligned = (begin + PageSize() - 1) & ~(PageSize() - 1);
  if (aligned > begin) Unmap(reinterpret_cast<void*>(begin), aligned - begin);
  Unmap(reinterpret_cast<void*>(aligned + length), begin + more - aligned - length);
  return reinterpret_cast<void*>(aligned);
}

void* MapOrNull(void* address, size_t length, int protection, int flags) {
  if (is_pretended && address == nullptr) return MapAligned(length, protection, flags);
  if (address != nullptr && !IsWholePages(address, length)) return nullptr;
  const long result = Map(address, length, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags);
  return Failed(result) ? nullptr : reinterpret_cast<void*>(result);
}

int Advise(void* address, size_t length, int advice) {
  return IsWholePages(address, length) ? AdviseFresh(address, length, advice) : EINVAL;
}

int Protect(void* address, size_t length, int protection) {
  if (!IsWholePages(address, length)) return EINVAL;
  return Error(Syscall(__NR_mprotect, Int(address), static_cast<long>(length), protection));
}

}  // namespace

// Relaxed: whoever asks finds the same.
size_t PageSize() {
  const size_t known = page_size.load(std::memory_order_relaxed);
  if (known != 0) return known;
  const size_t asked = KernelPage();
  page_size.store(asked, std::memory_order_relaxed);
  return asked;
}

void PretendPageSize(size_t bytes) {
  is_pretended = bytes > KernelPage();
  page_size.store(bytes, std::memory_order_relaxed);
}

void* Reserve(size_t length) {
  void* const range = MapOrNull(nullptr, length, PROT_NONE, MAP_NORESERVE);
  if (range != nullptr) SetDumped(range, length, false);
  return range;
}

void SetDumped(void* address, size_t length, bool dumped) {
  (void)Advise(address, length, dumped ? MADV_DODUMP : MADV_DONTDUMP);
}

void Unmap(void* address, size_t length) {
  // Fails only when the map count is spent in the middle of a mapping: the
  // pages then stay ours, unused, which is the best that can be had.
  LeavePlace();
  Syscall(__NR_munmap, Int(address), static_cast<long>(length));
}

int Unreserve(void* address, size_t length) {
  if (MapOrNull(address, length, PROT_NONE, MAP_NORESERVE | MAP_FIXED)) return 0;
  // Under mlockall(MCL_FUTURE) a new mapping counts before the old one is gone.
  const int error = Discard(address, length);
  return error != 0 ? error : Forbid(address, length);
}

int UnreserveSecret(void* address, size_t length) {
  if (!IsWholePages(address, length)) return EINVAL;
  const int error = Error(Map(address, length, PROT_NONE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED));
  if (error == 0) return 0;
  // Nobody else's mapping may come to lie there.
  if (error != EAGAIN) return Forbid(address, length) == 0 ? EBUSY : error;
  // As above, but such pages can't be emptied: they go first.
  Unmap(address, length);
  return MapOrNull(address, length, PROT_NONE, MAP_NORESERVE | MAP_FIXED_NOREPLACE) ? 0 : ENOMEM;
}

int Commit(void* address, size_t length) {
  return Protect(address, length, PROT_READ | PROT_WRITE);
}

int SetAccess(void* address, size_t length, bool read, bool write) {
  return Protect(address, length, (read ? PROT_READ : 0) | (write ? PROT_WRITE : 0));
}

int Forbid(void* address, size_t length) { return Protect(address, length, PROT_NONE); }

void* MapAnonymous(size_t length) {
  return MapOrNull(nullptr, length, PROT_READ | PROT_WRITE, MAP_NORESERVE);
}

void* MapShared(size_t length) {
  const long result =
      Map(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
  return Failed(result) ? nullptr : reinterpret_cast<void*>(result);
}

int Discard(void* address, size_t length) {
  constexpr int kDontNeedLocked = 24;  // MADV_DONTNEED_LOCKED, Linux 5.18
  const int error = Advise(address, length, MADV_DONTNEED);
  // EINVAL: locked by mlockall(2).
  if (error == EINVAL && Advise(address, length, kDontNeedLocked) == 0) return 0;
  if (error == 0) return 0;
  // An older kernel, or a sandbox: zeros by stores, and the memory stays.
  if (const int refused = Commit(address, length); refused != 0) return refused;
  std::memset(address, 0, length);
  return 0;
}

int TryMove() {
  char* const pages =
      static_cast<char*>(MapOrNull(nullptr, 2 * PageSize(), PROT_NONE, MAP_NORESERVE));
  if (pages == nullptr) return ENOMEM;
  const int error = Move(pages + PageSize(), pages, PageSize());
  Unmap(pages, 2 * PageSize());
  return error;
}

int KeepFromChildren(void* address, size_t length) {
  return Advise(address, length, MADV_DONTFORK);
}

void PreferHugePages(void* address, size_t length) { (void)Advise(address, length, MADV_HUGEPAGE); }

void AvoidHugePages(void* address, size_t length) {
  (void)Advise(address, length, MADV_NOHUGEPAGE);
}

void Populate(void* address, size_t length) {
  constexpr int kPopulateWrite = 23;  // MADV_POPULATE_WRITE, Linux 5.14
  (void)Advise(address, length, kPopulateWrite);
}

int LockUndumped(void* address, size_t length) {
  const int error = Advise(address, length, MADV_DONTDUMP);
  if (error != 0) return error;
  return Error(Syscall(__NR_mlock, Int(address), static_cast<long>(length)));
}

int FaultIn(void* address, size_t length) {
  char* const begin = static_cast<char*>(address);
  const size_t kernel_page = KernelPage();
  for (char* page = begin; page < begin + length; page += kernel_page) {
    long result;
    do {
      result = Syscall(__NR_getrandom, Int(page), 1, 0);
    } while (result == -EINTR);
    if (result != 1) return result == -EFAULT ? EFAULT : EIO;
    *page = 0;
  }
  return 0;
}

int ProtectAs(void* address, size_t length, int protection) {
  return Error(Syscall(__NR_mprotect, Int(address), static_cast<long>(length), protection));
}

int MapAnonymousOver(void* address, size_t length, int protection) {
  const long result = Map(address, length, protection,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED);
  return Failed(result) ? Error(result) : 0;
}

}  // namespace secure_alloc::os
