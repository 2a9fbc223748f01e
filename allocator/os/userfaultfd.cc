// userfaultfd(2), and the exchange of pages under it.
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "allocator/os/helper_thread.h"
#include "allocator/os/internal.h"
#include "allocator/os/live.h"
#include "allocator/os/os.h"

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif
#ifndef UFFD_FEATURE_MOVE
#define UFFD_FEATURE_MOVE (1 << 16)
#endif

namespace secure_alloc::os {
namespace {

// UFFDIO_MOVE of <linux/userfaultfd.h>, which Debian 12's does not have.
struct MovePages {
  uint64_t to, from, length, mode;
  int64_t moved;
};
constexpr unsigned long kMovePages = _IOWR(UFFDIO, 0x05, MovePages);
constexpr uint64_t kMayHaveHoles = 2;

constexpr long kFileFlags = O_CLOEXEC | O_NONBLOCK;

// By privilege, or by the device's permissions.
long NewFaultsOfAll() {
  const long file = Syscall(__NR_userfaultfd, kFileFlags);
  if (file != -EPERM) return file;
  const long device =
      Syscall(__NR_openat, AT_FDCWD, Int("/dev/userfaultfd"), O_RDWR | O_CLOEXEC, 0);
  if (Failed(device)) return device == -EMFILE || device == -ENFILE ? device : -EPERM;
  const long opened = Syscall(__NR_ioctl, device, USERFAULTFD_IOC_NEW, kFileFlags);
  Syscall(__NR_close, device);  // Nothing was written.
  return opened;
}

struct MoveWait {
  int file;
  uint32_t given_up;  // atomic
};

// Takes messages until the one about the move has come: the mover waits for that.
void TakeMoveEvent(void* argument) {
  MoveWait* const wait = static_cast<MoveWait*>(argument);
  while (__atomic_load_n(&wait->given_up, __ATOMIC_RELAXED) == 0) {
    struct pollfd poll = {wait->file, POLLIN, 0};
    struct timespec at_most = {0, 10'000'000};
    Syscall(__NR_ppoll, Int(&poll), 1, Int(&at_most), 0, 0);
    struct uffd_msg message;
    const long size = Syscall(__NR_read, wait->file, Int(&message), sizeof message);
    if (size == sizeof message && message.event == UFFD_EVENT_REMAP) return;
  }
}

}  // namespace

int OpenFaults(FaultScope scope, bool follow, int* file, bool* sees_pins) {
  const long result = scope == FaultScope::kAll
                          ? NewFaultsOfAll()
                          : Syscall(__NR_userfaultfd, kFileFlags | UFFD_USER_MODE_ONLY);
  if (Failed(result)) return Error(result);
  struct uffdio_api api = {};
  api.api = UFFD_API;
  api.features = follow ? UFFD_FEATURE_EVENT_REMAP : 0;
  const long started = Syscall(__NR_ioctl, result, UFFDIO_API, Int(&api));
  if (Failed(started)) {
    Syscall(__NR_close, result);
    return ENOSYS;
  }
  *file = static_cast<int>(result);
  *sees_pins = (api.features & UFFD_FEATURE_MOVE) != 0;  // The kernel's answer: all it can do.
  return 0;
}

void CloseFaults(int file) { Syscall(__NR_close, file); }

int WatchFaults(int file, void* address, size_t length) {
  struct uffdio_register range = {};
  range.range = {static_cast<uint64_t>(Int(address)), length};
  range.mode = UFFDIO_REGISTER_MODE_MISSING;
  return Error(Syscall(__NR_ioctl, file, UFFDIO_REGISTER, Int(&range)));
}

void UnwatchFaults(int file, void* address, size_t length) {
  struct uffdio_range range = {static_cast<uint64_t>(Int(address)), length};
  Syscall(__NR_ioctl, file, UFFDIO_UNREGISTER, Int(&range));  // If it fails, CloseFaults() does it.
}

void WakeFaults(int file, void* address, size_t length) {
  struct uffdio_range range = {static_cast<uint64_t>(Int(address)), length};
  Syscall(__NR_ioctl, file, UFFDIO_WAKE, Int(&range));  // As above.
}

int PlacePages(int file, void* to, const void* from, size_t length, size_t* done) {
  *done = 0;
  while (*done < length) {
    struct uffdio_copy copy = {};
    copy.dst = static_cast<uint64_t>(Int(to)) + *done;
    copy.src = static_cast<uint64_t>(Int(from)) + *done;
    copy.len = length - *done;
    const long result = Syscall(__NR_ioctl, file, UFFDIO_COPY, Int(&copy));
    if (copy.copy > 0) *done += static_cast<size_t>(copy.copy);
    // EAGAIN: the memory map was changing.
    if (Failed(result) && result != -EAGAIN && result != -EINTR) return Error(result);
  }
  return 0;
}

int MoveUnpinned(int file, void* from, void* to, size_t length, size_t* moved) {
  // So often the kernel may find a page busy with its own affairs.
  constexpr int kAttempts = 1000;
  *moved = 0;
  for (int attempt = 0; *moved < length; ++attempt) {
    MovePages move = {static_cast<uint64_t>(Int(to)) + *moved,
                      static_cast<uint64_t>(Int(from)) + *moved, length - *moved, kMayHaveHoles, 0};
    const long result = Syscall(__NR_ioctl, file, kMovePages, Int(&move));
    if (move.moved > 0) *moved += static_cast<size_t>(move.moved);
    if (!Failed(result)) continue;
    if ((result != -EAGAIN && result != -EINTR) || attempt == kAttempts) return Error(result);
  }
  return 0;
}

int MoveWatched(int file, void* from, void* to, size_t length) {
  MoveWait wait = {file, 0};
  HelperThread reader;
  if (const int error = reader.Start(TakeMoveEvent, &wait); error != 0) return error;
  const int error = Move(from, to, length);
  // A move that failed sends no event.
  if (error != 0) __atomic_store_n(&wait.given_up, 1, __ATOMIC_RELAXED);
  reader.Join();
  return error;
}

}  // namespace secure_alloc::os
