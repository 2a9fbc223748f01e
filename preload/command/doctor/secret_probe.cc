#include "preload/command/doctor/secret_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/command/common/file_io.h"

namespace secure_alloc {
namespace {

using Step = SecretProbe::Step;

constexpr size_t kPage = 4096;

// What the child says; the kernel ends it, and with it what it mapped.
struct Answer {
  Step failed_at;
  int error;
};

Answer TryOnePage() {
  const int fd = static_cast<int>(syscall(SYS_memfd_secret, 0));
  if (fd < 0) return {Step::kCall, errno};
  if (ftruncate(fd, kPage) != 0) return {Step::kSize, errno};
  void* page = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) return {Step::kMap, errno};
  // Touched by the kernel, a refusal is an error code; by a store it would be SIGBUS.
  if (getrandom(page, 1, 0) != 1) return {Step::kTouch, errno};
  return {Step::kDone, 0};
}

void RaiseLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_MEMLOCK, &limit);  // If it fails, the probe tells of the limit as it is.
}

bool RemoveLimitAndPrivilege() {
  const rlimit none{0, 0};
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  return setrlimit(RLIMIT_MEMLOCK, &none) == 0 && syscall(SYS_capset, &header, data) == 0;
}

// Runs `probe` in a child; false, with the signal, if it was killed.
template <typename F>
bool InChild(F&& probe, Answer* answer, int* signal) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  const Descriptor reading(ends[0]);
  pid_t child;
  {
    const Descriptor writing(ends[1]);
    child = fork();
    if (child == 0) {
      const Answer result = probe();
      const bool told = write(ends[1], &result, sizeof result) == sizeof result;
      _exit(told ? 0 : 1);
    }
  }
  if (child < 0) return false;
  const bool answered = ReadFully(reading.get(), answer, sizeof *answer) == sizeof *answer;
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  *signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return answered;
}

}  // namespace

SecretProbe ProbeSecretMemory() {
  SecretProbe probe;
  Answer answer;
  const bool answered = InChild(
      [] {
        RaiseLimit();
        return TryOnePage();
      },
      &answer, &probe.signal);
  if (!answered) {
    probe.error = probe.signal == 0 ? EAGAIN : 0;  // No child could be had.
    return probe;
  }
  probe.failed_at = answer.failed_at;
  probe.error = answer.error;
  return probe;
}

SecretAccounting ProbeAccounting() {
  Answer answer;
  int signal;
  const bool answered = InChild(
      []() -> Answer {
        if (!RemoveLimitAndPrivilege()) return {Step::kCall, errno};
        return TryOnePage();
      },
      &answer, &signal);
  if (!answered) return SecretAccounting::kUnknown;
  switch (answer.failed_at) {
    case Step::kMap:
      return SecretAccounting::kAtMmap;
    case Step::kTouch:
      return SecretAccounting::kAtTouch;
    case Step::kDone:
      return SecretAccounting::kNever;
    default:
      return SecretAccounting::kUnknown;
  }
}

}  // namespace secure_alloc
