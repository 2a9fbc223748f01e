// Pages of memfd_secret(2).
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "allocator/os/internal.h"
#include "allocator/os/live.h"
#include "allocator/os/os.h"

#ifndef __NR_memfd_secret
#define __NR_memfd_secret 447
#endif

namespace secure_alloc::os {
namespace {

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

}  // namespace secure_alloc::os
