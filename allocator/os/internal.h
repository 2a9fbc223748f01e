// What the files of this layer share.
#pragma once

#include <asm/unistd.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/auxv.h>
#include <time.h>

#include <atomic>
#include <cstdint>

#include "allocator/os/os.h"
#include "allocator/os/syscall.h"

namespace secure_alloc::os {

inline long Int(const void* pointer) { return reinterpret_cast<long>(pointer); }

// What the kernel has, whatever a test pretends: PageSize() is for everybody else.
inline size_t KernelPage() { return getauxval(AT_PAGESZ); }

inline bool IsWholePages(const void* address, size_t length) {
  return ((static_cast<size_t>(Int(address)) | length) & (PageSize() - 1)) == 0;
}

// Of a raw system call: did it fail, and the errno value.
inline bool Failed(long result) { return result < 0 && result > -4096; }
inline int Error(long result) { return result < 0 ? static_cast<int>(-result) : 0; }

// Of what the kernel has just mapped, which may begin anywhere in a page that is pretended.
inline int AdviseFresh(void* address, size_t length, int advice) {
  return Error(Syscall(__NR_madvise, Int(address), static_cast<long>(length), advice));
}

// A descriptor, or minus the errno value.
inline long OpenToRead(const char* path) {
  return Syscall(__NR_openat, AT_FDCWD, Int(path), O_RDONLY | O_CLOEXEC, 0);
}

// What a status file of /proc has in the line of a field, such as "VmLck": without blanks, and cut
// to `size`. 0 or an errno value; ENODATA: there is no such line.
[[nodiscard]] int ReadStatus(const char* path, const char* field, char* value, size_t size);

// Before a thread leaves a place, and after the kernel has given one to a thread: who takes it sees
// all that was done there. The kernel sees to that; the thread sanitizer, which does not see our
// system calls, has it from these.
extern constinit std::atomic<unsigned> places_left;
inline void LeavePlace() { places_left.fetch_add(1, std::memory_order_release); }
inline void TakePlace() { (void)places_left.load(std::memory_order_acquire); }

// As mmap(2), at `address` or anywhere.
inline long Map(void* address, size_t length, int protection, int flags, long file = -1) {
  const long result = Syscall(__NR_mmap, Int(address), static_cast<long>(length), protection,
                              flags, file, 0);
  TakePlace();
  return result;
}

// What rt_sigaction(2) takes.
struct KernelSigaction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)();
  uint64_t mask;
};

// What a thread does about a signal, by /proc. kNone: it can't be asked, without a descriptor say.
enum class Answer { kTakesSignal, kBlocksSignal, kHasEnded, kNone };
Answer AskThread(uint32_t thread, int signal);

// While it lives `signal` is blocked; one that was raised in between by this thread is
// taken back. For calls that answer with a signal where an errno value will do.
class SignalHeld {
 public:
  explicit SignalHeld(int signal) : set_(uint64_t{1} << (signal - 1)) {
    Syscall(__NR_rt_sigpending, Int(&pending_), sizeof pending_);
    Syscall(__NR_rt_sigprocmask, SIG_BLOCK, Int(&set_), Int(&old_mask_), sizeof old_mask_);
  }
  ~SignalHeld() {
    if ((pending_ & set_) == 0) {
      struct timespec no_wait = {};
      Syscall(__NR_rt_sigtimedwait, Int(&set_), 0, Int(&no_wait), sizeof set_);
    }
    Syscall(__NR_rt_sigprocmask, SIG_SETMASK, Int(&old_mask_), 0, sizeof old_mask_);
  }
  SignalHeld(const SignalHeld&) = delete;
  SignalHeld& operator=(const SignalHeld&) = delete;

 private:
  uint64_t set_;
  uint64_t pending_ = 0;
  uint64_t old_mask_ = 0;
};

}  // namespace secure_alloc::os
