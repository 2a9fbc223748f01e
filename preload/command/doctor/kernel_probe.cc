#include "preload/command/doctor/kernel_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/command/common/memlock.h"
#include "preload/command/doctor/child.h"

namespace secure_alloc {
namespace {

constexpr size_t kPage = 4096;
constexpr long kMseal = 462;  // Newer than Debian 12's headers; the same on every machine.

void* MapPages(size_t count) {
  return mmap(nullptr, count * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

Answer Result(bool works) { return {0, works ? 0 : errno}; }

template <typename F>
Trial Try(F&& question) {
  Answer answer;
  Trial trial;
  if (AskInChild(question, &answer, &trial.signal)) {
    trial.error = answer.error;
  } else if (trial.signal == 0) {
    trial.error = EAGAIN;  // No child could be had.
  }
  return trial;
}

// The whole of a promotion's first half: register, then move the pages away.
Answer TryUserfaultfd(int fd) {
  if (fd < 0) return Result(false);
  uffdio_api api{};
  api.api = UFFD_API;
  char* pages = static_cast<char*>(MapPages(2));
  if (pages == MAP_FAILED || ioctl(fd, UFFDIO_API, &api) != 0) return Result(false);
  pages[0] = 1;
  uffdio_register range{};
  range.range = {reinterpret_cast<uintptr_t>(pages), kPage};
  range.mode = UFFDIO_REGISTER_MODE_MISSING;
  if (ioctl(fd, UFFDIO_REGISTER, &range) != 0) return Result(false);
  constexpr int kFlags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
  return Result(mremap(pages, kPage, kPage, kFlags, pages + kPage) != MAP_FAILED);
}

int OpenUserfaultfd(int flags) { return static_cast<int>(syscall(SYS_userfaultfd, flags)); }

int OpenUserfaultfdDevice() {
  const int device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
  return device < 0 ? -1 : ioctl(device, USERFAULTFD_IOC_NEW, O_CLOEXEC);
}

}  // namespace

Trial ProbeLock() {
  return Try([] {
    RaiseMemlock();  // If it fails, the trial tells of the limit as it is.
    void* page = MapPages(1);
    return Result(page != MAP_FAILED && mlock(page, kPage) == 0);
  });
}

Trial ProbeUndump() {
  return Try([] {
    void* page = MapPages(1);
    return Result(page != MAP_FAILED && madvise(page, kPage, MADV_DONTDUMP) == 0);
  });
}

Trial ProbeMove() {
  return Try([] {
    char* pages = static_cast<char*>(MapPages(2));
    return Result(pages != MAP_FAILED && mremap(pages, kPage, kPage, MREMAP_MAYMOVE | MREMAP_FIXED,
                                                pages + kPage) != MAP_FAILED);
  });
}

Trial ProbeSeal() {
  return Try([]() -> Answer {
    void* page = MapPages(1);
    if (page == MAP_FAILED || syscall(kMseal, page, kPage, 0) != 0) return Result(false);
    return {0, mprotect(page, kPage, PROT_READ) == 0 ? EOPNOTSUPP : 0};
  });
}

Trial ProbeFilter() {
  return Try([] {
    sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const sock_fprog program{1, &allow};
    return Result(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                  syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0);
  });
}

Trial ProbeKeys() {
#ifdef __x86_64__
  return Try([] { return Result(syscall(SYS_pkey_alloc, 0, 0) > 0); });
#else
  return {ENOSPC, 0};  // The library knows those of x86 only.
#endif
}

Userfaultfd ProbeUserfaultfd() {
  using Reach = Userfaultfd::Reach;
  const Trial call = Try([] { return TryUserfaultfd(OpenUserfaultfd(O_CLOEXEC)); });
  if (call.works()) return {Reach::kAll, call};
  if (Try([] { return TryUserfaultfd(OpenUserfaultfdDevice()); }).works()) return {Reach::kAll, {}};
  const Trial limited =
      Try([] { return TryUserfaultfd(OpenUserfaultfd(O_CLOEXEC | UFFD_USER_MODE_ONLY)); });
  return {limited.works() ? Reach::kUserMode : Reach::kNone, call};
}

}  // namespace secure_alloc
