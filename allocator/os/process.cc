#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

#include <bit>
#include <cstring>

#include "allocator/os/internal.h"
#include "allocator/os/os.h"

namespace secure_alloc::os {
namespace {

size_t SoftLimit(int resource) {
  struct rlimit limit = {};
  if (Syscall(__NR_prlimit64, 0, resource, 0, Int(&limit)) != 0) return SIZE_MAX;
  return limit.rlim_cur == RLIM_INFINITY ? SIZE_MAX : limit.rlim_cur;
}

// Capabilities of other user namespaces, as in rootless containers, free from no limit. Where
// /proc can't tell, the machine's own is assumed.
bool InOtherUserNamespace() {
  constexpr char kFirst[] = "user:[4026531837]";  // PROC_USER_INIT_INO, the same on every kernel
  char name[64] = {};
  const long length = Syscall(__NR_readlinkat, AT_FDCWD, Int("/proc/self/ns/user"), Int(name),
                              static_cast<long>(sizeof name - 1));
  return length > 0 && std::strcmp(name, kFirst) != 0;
}

}  // namespace

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
                   static_cast<uint64_t>(Int(bytes)) ^ reinterpret_cast<uint64_t>(&Random) << 16;
  for (size_t i = 0; i < length; ++i) {
    state = state * 0x5851F42D4C957F2Du + 0x14057B7EF767814Fu;
    static_cast<unsigned char*>(bytes)[i] = static_cast<unsigned char>(state >> 56);
  }
}

unsigned Cpus() {
  unsigned long set[128];  // 8192 are the most that kernels are made for. Not all is written to.
  const long bytes = Syscall(__NR_sched_getaffinity, 0, sizeof set, Int(set));
  unsigned cpus = 0;
  for (long i = 0; i < bytes / static_cast<long>(sizeof set[0]); ++i) {
    cpus += static_cast<unsigned>(std::popcount(set[i]));
  }
  return cpus;
}

uint64_t Milliseconds() {
  struct timespec now = {};
  Syscall(__NR_clock_gettime, CLOCK_MONOTONIC_COARSE, Int(&now));
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1000000;
}

void FutexWait(const uint32_t* word, uint32_t expected) {
  Syscall(__NR_futex, Int(word), FUTEX_WAIT_PRIVATE, expected, 0);  // Any error: look again.
}

void FutexWake(const uint32_t* word) { Syscall(__NR_futex, Int(word), FUTEX_WAKE_PRIVATE, 1); }

size_t AddressSpaceLimit() { return SoftLimit(RLIMIT_AS); }

size_t LockedMemoryLimit() { return SoftLimit(RLIMIT_MEMLOCK); }

namespace {

// The number in a line of /proc/self/status, or 0.
size_t FromStatus(const char* field) {
  char value[32];
  if (ReadStatus("/proc/self/status", field, value, sizeof value) != 0) return 0;
  size_t number = 0;
  for (const char* at = value; *at >= '0' && *at <= '9'; ++at) {
    number = number * 10 + static_cast<size_t>(*at - '0');
  }
  return number;
}

}  // namespace

size_t LockedMemory() { return FromStatus("VmLck") * 1024; }

size_t Threads() { return FromStatus("Threads"); }

bool MayLockAnyAmount() {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {};
  if (Syscall(__NR_capget, Int(&header), Int(data)) != 0) return false;
  return (data[0].effective & (1u << CAP_IPC_LOCK)) != 0 && !InOtherUserNamespace();
}

size_t MachineMemory() {
  struct sysinfo info = {};
  if (Syscall(__NR_sysinfo, Int(&info)) != 0) return 0;
  return (static_cast<size_t>(info.totalram) + info.totalswap) * info.mem_unit;
}

uint32_t ProcessId() { return static_cast<uint32_t>(Syscall(__NR_getpid)); }

bool ExecutableName(char* buffer, size_t size) {
  const long length = Syscall(__NR_readlinkat, AT_FDCWD, Int("/proc/self/exe"), Int(buffer),
                              static_cast<long>(size - 1));
  if (length <= 0) return false;
  buffer[length] = '\0';
  // A file that was deleted or replaced since.
  constexpr char kDeleted[] = " (deleted)";
  constexpr long kSize = sizeof kDeleted - 1;
  if (length > kSize && std::memcmp(buffer + length - kSize, kDeleted, kSize) == 0) {
    buffer[length - kSize] = '\0';
  }
  return true;
}

void Abort() {
  // The default action at once: a handler would run on a heap that is known to be corrupt,
  // and sigaction's own handler would keep the core file from being written.
  KernelSigaction default_action = {SIG_DFL, 0, nullptr, 0};
  uint64_t abort_signal = uint64_t{1} << (SIGABRT - 1);
  Syscall(__NR_rt_sigaction, SIGABRT, Int(&default_action), 0, sizeof abort_signal);
  const long process = Syscall(__NR_getpid), thread = Syscall(__NR_gettid);
  Syscall(__NR_rt_sigprocmask, SIG_UNBLOCK, Int(&abort_signal), 0, sizeof abort_signal);
  Syscall(__NR_tgkill, process, thread, SIGABRT);
  for (;;) Syscall(__NR_exit_group, 134);
}

}  // namespace secure_alloc::os
