// What the kernel knows of pages that are mapped: locked, readable, shared with a child.
#include <errno.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <iterator>

#include "allocator/os/internal.h"
#include "allocator/os/live.h"

#ifndef MADV_COLD
#define MADV_COLD 20
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

namespace secure_alloc::os {
namespace {

bool IsZeroPage(const char* page) {
  return page[0] == 0 && std::memcmp(page, page + 1, KernelPage() - 1) == 0;
}

}  // namespace

bool IsLocked(void* page) {
  // The one advice that changes nothing but the order of reclaim, and that locked
  // mappings refuse.
  return Syscall(__NR_madvise, Int(page), static_cast<long>(KernelPage()), MADV_COLD) == -EINVAL;
}

void UnlockEmpty(void* address, size_t length) {
  Syscall(__NR_munlock, Int(address), static_cast<long>(length));  // No split, so no failure.
  Syscall(__NR_madvise, Int(address), static_cast<long>(length), MADV_DONTNEED);  // Nor here.
}

int TryRead(void* address, size_t length) {
  const int error =
      Error(Syscall(__NR_madvise, Int(address), static_cast<long>(length), MADV_POPULATE_READ));
  // EINVAL: before Linux 5.14, when there were no guards.
  return error == EFAULT || error == EHWPOISON ? EINVAL : error == ENOMEM ? ENOMEM : 0;
}

int IsSharedWithOthers(const void* address, size_t length, bool* shared) {
  *shared = false;
  const long file = OpenToRead("/proc/thread-self/pagemap");
  if (Failed(file)) return Error(file);
  constexpr uint64_t kPresent = uint64_t{1} << 63, kOnlyHere = uint64_t{1} << 56;
  const char* page = static_cast<const char*>(address);
  const char* const end = page + length;
  const size_t kernel_page = KernelPage();
  int error = 0;
  while (page < end && !*shared && error == 0) {
    uint64_t entries[64];
    const size_t wanted =
        std::min(static_cast<size_t>(end - page) / kernel_page, std::size(entries));
    const long got = Syscall(__NR_pread64, file, Int(entries), static_cast<long>(wanted * 8),
                             Int(page) / static_cast<long>(kernel_page) * 8);
    if (got == -EINTR) continue;
    if (got <= 0) error = got == 0 ? EIO : Error(got);
    for (long i = 0; i < got / 8; ++i, page += kernel_page) {
      // The page of zeros that all processes share tells nothing.
      const bool others = (entries[i] & (kPresent | kOnlyHere)) == kPresent;
      *shared |= others && !IsZeroPage(page);
    }
  }
  Syscall(__NR_close, file);  // Read only: nothing can be lost.
  return error;
}

}  // namespace secure_alloc::os
