#include "allocator/os/os.h"

#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <time.h>

#include <cstring>

#include "allocator/os/syscall.h"

#ifndef __NR_memfd_secret
#define __NR_memfd_secret 447
#endif

namespace secure_alloc::os {
namespace {

constexpr size_t kPage = 4096;

long Int(const void* pointer) { return reinterpret_cast<long>(pointer); }

int Error(long result) { return result < 0 ? static_cast<int>(-result) : 0; }

bool Failed(long result) { return result < 0 && result > -4096; }

void* MapOrNull(void* address, size_t length, int protection, int flags) {
  const long result = Syscall(__NR_mmap, Int(address), static_cast<long>(length), protection,
                              MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  return Failed(result) ? nullptr : reinterpret_cast<void*>(result);
}

int Advise(void* address, size_t length, int advice) {
  return Error(Syscall(__NR_madvise, Int(address), static_cast<long>(length), advice));
}

int Protect(void* address, size_t length, int protection) {
  return Error(Syscall(__NR_mprotect, Int(address), static_cast<long>(length), protection));
}

size_t SoftLimit(int resource) {
  struct rlimit limit = {};
  if (Syscall(__NR_prlimit64, 0, resource, 0, Int(&limit)) != 0) return SIZE_MAX;
  return limit.rlim_cur == RLIM_INFINITY ? SIZE_MAX : limit.rlim_cur;
}

// Which file descriptor 2 was at the start; device 0 before RememberStderr().
struct stat stderr_at_start = {};

bool StderrStatus(struct stat* status) {
  return Syscall(__NR_fstat, 2, Int(status)) == 0;
}

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

int WriteAll(int file, const char* text, size_t length) {
  while (length > 0) {
    const long written = Syscall(__NR_write, file, Int(text), static_cast<long>(length));
    if (written == -EINTR) continue;
    if (written <= 0) return written == 0 ? EIO : Error(written);
    text += written;
    length -= static_cast<size_t>(written);
  }
  return 0;
}

}  // namespace

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
  Syscall(__NR_munmap, Int(address), static_cast<long>(length));
}

int Unreserve(void* address, size_t length) {
  if (MapOrNull(address, length, PROT_NONE, MAP_NORESERVE | MAP_FIXED)) return 0;
  // Under mlockall(MCL_FUTURE) a new mapping counts before the old one is gone.
  const int error = Discard(address, length);
  return error != 0 ? error : Forbid(address, length);
}

int UnreserveSecret(void* address, size_t length) {
  if (MapOrNull(address, length, PROT_NONE, MAP_NORESERVE | MAP_FIXED)) return 0;
  // As above, but such pages can't be emptied: they go first.
  Unmap(address, length);
  return MapOrNull(address, length, PROT_NONE, MAP_NORESERVE | MAP_FIXED_NOREPLACE) ? 0 : ENOMEM;
}

int Commit(void* address, size_t length) {
  return Protect(address, length, PROT_READ | PROT_WRITE);
}

int Forbid(void* address, size_t length) { return Protect(address, length, PROT_NONE); }

void* MapAnonymous(size_t length) {
  return MapOrNull(nullptr, length, PROT_READ | PROT_WRITE, MAP_NORESERVE);
}

void* MapShared(size_t length) {
  const long result = Syscall(__NR_mmap, 0, static_cast<long>(length), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
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
  const long file = Syscall(__NR_memfd_secret, O_CLOEXEC);
  if (Failed(file)) return Error(file);
  int error;
  {
    SignalHeld file_size_signal(SIGXFSZ);
    error = Error(Syscall(__NR_ftruncate, file, static_cast<long>(length)));
  }
  // Elsewhere first: with MAP_FIXED the kernel would unmap the place, then refuse, and
  // leave a hole for anybody to fill.
  long place = -1;
  if (error == 0) {
    place = Syscall(__NR_mmap, 0, static_cast<long>(length), PROT_READ | PROT_WRITE, MAP_SHARED,
                    file, 0);
    if (Failed(place)) error = Error(place);
  }
  Syscall(__NR_close, file);  // The mapping keeps the file; nothing to do about an error.
  if (error != 0) return error;
  void* pages = reinterpret_cast<void*>(place);
  error = Advise(pages, length, MADV_DONTDUMP);
  if (error == 0 && !inherit) error = KeepFromChildren(pages, length);
  if (error == 0 && address != nullptr) error = Move(pages, address, length);
  if (error != 0) {
    Unmap(pages, length);
    return error;
  }
  *mapped = address != nullptr ? address : pages;
  return 0;
}

int Move(void* from, void* to, size_t length) {
  const long result = Syscall(__NR_mremap, Int(from), static_cast<long>(length),
                              static_cast<long>(length), MREMAP_MAYMOVE | MREMAP_FIXED, Int(to));
  return Failed(result) ? Error(result) : 0;
}

int TryMove() {
  char* const pages = static_cast<char*>(MapOrNull(nullptr, 2 * kPage, PROT_NONE, MAP_NORESERVE));
  if (pages == nullptr) return ENOMEM;
  const int error = Move(pages + kPage, pages, kPage);
  Unmap(pages, 2 * kPage);
  return error;
}

int KeepFromChildren(void* address, size_t length) {
  return Advise(address, length, MADV_DONTFORK);
}

int LockUndumped(void* address, size_t length) {
  const int error = Advise(address, length, MADV_DONTDUMP);
  if (error != 0) return error;
  return Error(Syscall(__NR_mlock, Int(address), static_cast<long>(length)));
}

int FaultIn(void* address, size_t length) {
  char* const begin = static_cast<char*>(address);
  for (char* page = begin; page < begin + length; page += kPage) {
    long result;
    do {
      result = Syscall(__NR_getrandom, Int(page), 1, 0);
    } while (result == -EINTR);
    if (result != 1) return result == -EFAULT ? EFAULT : EIO;
    *page = 0;
  }
  return 0;
}

void Random(void* bytes, size_t length) {
  long result;
  do {
    result = Syscall(__NR_getrandom, Int(bytes), static_cast<long>(length), 0);
  } while (result == -EINTR);
  if (result == static_cast<long>(length)) return;
  // A sandbox without getrandom: ASLR and the clock are what is left.
  struct timespec now = {};
  Syscall(__NR_clock_gettime, CLOCK_MONOTONIC, Int(&now));
  uint64_t state = static_cast<uint64_t>(now.tv_nsec) * 0x9E3779B97F4A7C15u ^
                   static_cast<uint64_t>(Int(bytes)) ^ static_cast<uint64_t>(Int(&stderr_at_start)) << 16;
  for (size_t i = 0; i < length; ++i) {
    state = state * 0x5851F42D4C957F2Du + 0x14057B7EF767814Fu;
    static_cast<unsigned char*>(bytes)[i] = static_cast<unsigned char>(state >> 56);
  }
}

void FutexWait(const uint32_t* word, uint32_t expected) {
  Syscall(__NR_futex, Int(word), FUTEX_WAIT_PRIVATE, expected, 0);  // Any error: look again.
}

void FutexWake(const uint32_t* word) { Syscall(__NR_futex, Int(word), FUTEX_WAKE_PRIVATE, 1); }

void RememberStderr() {
  if (!StderrStatus(&stderr_at_start)) stderr_at_start = {};
}

void WriteStderr(const char* text, size_t length) {
  struct stat now = {};
  if (!StderrStatus(&now) || now.st_dev != stderr_at_start.st_dev ||
      now.st_ino != stderr_at_start.st_ino) {
    return;
  }
  SignalHeld closed_pipe_signal(SIGPIPE);
  (void)WriteAll(2, text, length);  // Nobody is left to tell.
}

int WriteFile(const char* path, const char* text, size_t length) {
  const long file = Syscall(__NR_openat, AT_FDCWD, Int(path),
                            O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (Failed(file)) return Error(file);
  SignalHeld file_size_signal(SIGXFSZ);
  const int error = WriteAll(static_cast<int>(file), text, length);
  const long closed = Syscall(__NR_close, file);
  return error != 0 ? error : Error(closed);
}

size_t AddressSpaceLimit() { return SoftLimit(RLIMIT_AS); }

size_t LockedMemoryLimit() { return SoftLimit(RLIMIT_MEMLOCK); }

bool MayLockAnyAmount() {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {};
  if (Syscall(__NR_capget, Int(&header), Int(data)) != 0) return false;
  return (data[0].effective & (1u << CAP_IPC_LOCK)) != 0;
}

size_t MachineMemory() {
  struct sysinfo info = {};
  if (Syscall(__NR_sysinfo, Int(&info)) != 0) return 0;
  return static_cast<size_t>(info.totalram) * info.mem_unit;
}

uint32_t ProcessId() { return static_cast<uint32_t>(Syscall(__NR_getpid)); }

bool ExecutableName(char* buffer, size_t size) {
  const long length = Syscall(__NR_readlinkat, AT_FDCWD, Int("/proc/self/exe"), Int(buffer),
                              static_cast<long>(size - 1));
  if (length <= 0) return false;
  buffer[length] = '\0';
  return true;
}

void Abort() {
  // The default action at once: a handler would run on a heap that is known to be corrupt,
  // and sigaction's own handler would keep the core file from being written.
  struct {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    uint64_t mask;
  } default_action = {SIG_DFL, 0, nullptr, 0};
  uint64_t abort_signal = uint64_t{1} << (SIGABRT - 1);
  Syscall(__NR_rt_sigaction, SIGABRT, Int(&default_action), 0, sizeof abort_signal);
  const long process = Syscall(__NR_getpid), thread = Syscall(__NR_gettid);
  Syscall(__NR_rt_sigprocmask, SIG_UNBLOCK, Int(&abort_signal), 0, sizeof abort_signal);
  Syscall(__NR_tgkill, process, thread, SIGABRT);
  for (;;) Syscall(__NR_exit_group, 134);
}

}  // namespace secure_alloc::os
