#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <atomic>
#include <cstring>

#include "allocator/os/internal.h"
#include "allocator/os/live.h"
#include "allocator/os/os.h"

#ifndef __NR_memfd_secret
#define __NR_memfd_secret 447
#endif

namespace secure_alloc::os {

constinit std::atomic<unsigned> places_left{0};

namespace {

// 0: not asked yet.
constinit std::atomic<size_t> page_size{0};
constinit bool is_pretended = false;

bool IsWholePages(const void* address, size_t length) {
  return ((static_cast<size_t>(Int(address)) | length) & (PageSize() - 1)) == 0;
}

// At `address`, or anywhere.
long Map(void* address, size_t length, int protection, int flags, long file = -1) {
  const long result = Syscall(__NR_mmap, Int(address), static_cast<long>(length), protection,
                              flags, file, 0);
  TakePlace();
  return result;
}

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

// Of what the kernel has just mapped.
int AdviseFresh(void* address, size_t length, int advice) {
  return Error(Syscall(__NR_madvise, Int(address), static_cast<long>(length), advice));
}

int Advise(void* address, size_t length, int advice) {
  return IsWholePages(address, length) ? AdviseFresh(address, length, advice) : EINVAL;
}

int Protect(void* address, size_t length, int protection) {
  if (!IsWholePages(address, length)) return EINVAL;
  return Error(Syscall(__NR_mprotect, Int(address), static_cast<long>(length), protection));
}

// Pages of a new file of `file_size` bytes, anywhere: with MAP_FIXED the kernel would unmap the
// place, then refuse, and leave a hole for anybody to fill.
int MapSecretSized(size_t length, size_t file_size, bool inherit, void** mapped, uint64_t* inode) {
  const long file = Syscall(__NR_memfd_secret, O_CLOEXEC);
  if (Failed(file)) return Error(file);
  int error;
  {
    SignalHeld file_size_signal(SIGXFSZ);
    error = Error(Syscall(__NR_ftruncate, file, static_cast<long>(file_size)));
    if (error == EFBIG && file_size > length) {
      error = Error(Syscall(__NR_ftruncate, file, static_cast<long>(length)));
    }
  }
  long place = -1;
  if (error == 0) {
    place = Map(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, file);
    if (Failed(place)) error = Error(place);
  }
  struct stat status = {};
  if (error == 0 && inode != nullptr) error = Error(Syscall(__NR_fstat, file, Int(&status)));
  Syscall(__NR_close, file);  // The mapping keeps the file; nothing to do about an error.
  void* const pages = reinterpret_cast<void*>(place);
  if (error == 0) error = AdviseFresh(pages, length, MADV_DONTDUMP);
  if (error == 0 && !inherit) error = AdviseFresh(pages, length, MADV_DONTFORK);
  if (error != 0) {
    if (!Failed(place)) Unmap(pages, length);
    return error;
  }
  *mapped = pages;
  if (inode != nullptr) *inode = status.st_ino;
  return 0;
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

int MapSecret(void* address, size_t length, bool inherit, void** mapped) {
  void* pages;
  int error = MapSecretSized(length, length, inherit, &pages, nullptr);
  if (error != 0) return error;
  if (address != nullptr) error = Move(pages, address, length);
  if (error != 0) {
    Unmap(pages, length);
    return error;
  }
  *mapped = address != nullptr ? address : pages;
  return 0;
}

int MapSecretFile(size_t length, bool inherit, void** mapped, uint64_t* inode) {
  constexpr size_t kRoomToGrow = size_t{1} << 40;
  return MapSecretSized(length, kRoomToGrow, inherit, mapped, inode);
}

namespace {

int MoveOver(void* from, size_t length, void* to, size_t new_length) {
  if (!IsWholePages(to, new_length)) return EINVAL;
  LeavePlace();
  const long result =
      Syscall(__NR_mremap, Int(from), static_cast<long>(length), static_cast<long>(new_length),
              MREMAP_MAYMOVE | MREMAP_FIXED, Int(to));
  return Failed(result) ? Error(result) : 0;
}

}  // namespace

int Move(void* from, void* to, size_t length) { return MoveOver(from, length, to, length); }

// By a place in between: what refuses to move over another mapping has unmapped that first, and
// any thread's mmap(2) could come to lie there.
int Relocate(void* from, size_t length, void* to, size_t new_length) {
  const long between = Syscall(__NR_mremap, Int(from), static_cast<long>(length),
                               static_cast<long>(length), MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
  TakePlace();
  if (Failed(between)) return Error(between);
  void* const pages = reinterpret_cast<void*>(between);
  const int error = MoveOver(pages, length, to, new_length);
  if (error != 0 && Move(pages, from, length) != 0) {
    std::memcpy(from, pages, length);
    Unmap(pages, length);
  }
  return error;
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

}  // namespace secure_alloc::os
