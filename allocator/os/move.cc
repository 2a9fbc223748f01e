// Mappings that move: over others, away from their place, or to a second one.
#include <errno.h>
#include <sys/mman.h>

#include <cstring>

#include "allocator/os/internal.h"
#include "allocator/os/live.h"
#include "allocator/os/os.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

namespace secure_alloc::os {
namespace {

int MoveOver(void* from, size_t length, void* to, size_t new_length) {
  if (!IsWholePages(to, new_length)) return EINVAL;
  LeavePlace();
  const long result =
      Syscall(__NR_mremap, Int(from), static_cast<long>(length), static_cast<long>(new_length),
              MREMAP_MAYMOVE | MREMAP_FIXED, Int(to));
  return Failed(result) ? Error(result) : 0;
}

// What was refused for want of kernel memory may have unmapped it.
void MapIfGone(void* to, size_t length) {
  (void)Map(to, length, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE);
}

}  // namespace

int Move(void* from, void* to, size_t length) { return MoveOver(from, length, to, length); }

// By a place in between: what refuses to move over another mapping has unmapped that first, and
// any thread's mmap(2) could come to lie there. So nothing moves that may not grow: up to Linux
// 6.16 RLIMIT_MEMLOCK is looked at when `to` is unmapped already.
int Relocate(void* from, size_t length, void* to, size_t new_length) {
  if (new_length > length && IsLocked(from)) return EAGAIN;
  const long between = Syscall(__NR_mremap, Int(from), static_cast<long>(length),
                               static_cast<long>(length), MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
  TakePlace();
  if (Failed(between)) return Error(between);
  void* const pages = reinterpret_cast<void*>(between);
  const int error = MoveOver(pages, length, to, new_length);
  if (error == 0) return 0;
  MapIfGone(to, new_length);
  if (Move(pages, from, length) != 0) {
    MapIfGone(from, length);
    std::memcpy(from, pages, length);
    Unmap(pages, length);
  }
  return error;
}

int MoveAway(void* from, void* to, size_t length) {
  const long result =
      Syscall(__NR_mremap, Int(from), static_cast<long>(length), static_cast<long>(length),
              MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, Int(to));
  return Failed(result) ? Error(result) : 0;
}

int Alias(void* address, size_t length, void** alias) {
  const long result =
      Syscall(__NR_mremap, Int(address), 0, static_cast<long>(length), MREMAP_MAYMOVE);
  TakePlace();
  if (Failed(result)) return Error(result);
  *alias = reinterpret_cast<void*>(result);
  return 0;
}

int AliasOver(void* address, void* to, size_t length) {
  const long result = Syscall(__NR_mremap, Int(address), 0, static_cast<long>(length),
                              MREMAP_MAYMOVE | MREMAP_FIXED, Int(to));
  return Failed(result) ? Error(result) : 0;
}

}  // namespace secure_alloc::os
