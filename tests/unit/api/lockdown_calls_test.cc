// secalloc_lockdown: which system calls are refused afterwards, to whom.
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "secure_alloc/secure_alloc.h"
#include "tests/unit/api/lockdown.h"
#include "tests/unit/api/sandbox.h"
#include "tests/unit/child.h"

namespace {

using secure_alloc::test::InChild;
using secure_alloc::test::Refused;
using secure_alloc::test::RefuseSystemCall;
using secure_alloc::test::Works;

TEST(LockdownCalls, ThoseThatLookIntoProcessesAreRefused) {
  EXPECT_EQ(InChild([] {
              char from[8] = "secret", to[8] = {};
              const iovec local = {to, 8}, remote = {from, 8};
              if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) != 8) return 1;
              if (secalloc_lockdown(SECALLOC_LOCKDOWN_CALLS) != 0) return 2;
              if (!Refused(EPERM, [&] {
                    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
                  })) {
                return 3;
              }
              for (const long number :
                   {SYS_process_vm_writev, SYS_ptrace, SYS_pidfd_getfd, SYS_kcmp, SYS_bpf,
                    SYS_perf_event_open, SYS_process_madvise}) {
                if (!Refused(EPERM, [&] { return syscall(number, 0, 0, 0, 0, 0, 0); })) {
                  return 4;
                }
              }
              if (prctl(PR_GET_DUMPABLE) != 0) return 5;
              if (!Refused(EPERM, [] { return prctl(PR_SET_DUMPABLE, 1); })) return 6;
              if (prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_NAME, "still") != 0) return 7;
              // All else works: files, children, secrets.
              if (open("/dev/null", O_RDONLY) < 0 || !Works(nullptr)) return 8;
              return InChild([] {
                return Refused(EPERM, [] { return syscall(SYS_ptrace, 0, 0, 0, 0); }) ? 0 : 9;
              });
            }),
            0);
}

// Threads that were there before, too.
TEST(LockdownCalls, AreRefusedToAllThreads) {
  EXPECT_EQ(InChild([] {
              std::atomic<bool> locked = false;
              bool refused = false;
              std::thread other([&] {
                while (!locked) std::this_thread::yield();
                refused = Refused(EPERM, [] { return ptrace(PTRACE_PEEKDATA, 0, 0, 0); });
              });
              const int result = secalloc_lockdown(SECALLOC_LOCKDOWN_CALLS);
              locked = true;
              other.join();
              return result != 0 ? 1 : refused ? 0 : 2;
            }),
            0);
}

#ifdef __x86_64__
// The same calls have other numbers there.
TEST(LockdownCalls, ThoseOfOtherArchitecturesAreRefused) {
  const auto i386 = [](long number) {
    long result = number;
    asm volatile("int $0x80"
                 : "+a"(result)
                 : "b"(PTRACE_PEEKDATA), "c"(0), "d"(0), "S"(0)
                 : "memory");
    return result;
  };
  constexpr long kPtrace = 26, kGetPid = 20, kX32 = 0x40000000;
  const bool has_i386 = InChild([&] { return i386(kGetPid) > 0 ? 0 : 1; }) == 0;
  EXPECT_EQ(InChild([&] {
              if (secalloc_lockdown(SECALLOC_LOCKDOWN_CALLS) != 0) return 1;
              if (!Refused(EPERM, [] { return syscall(kX32 | SYS_getpid); })) return 2;
              return has_i386 && i386(kPtrace) != -EPERM ? 3 : 0;
            }),
            0);
}
#endif

TEST(LockdownCalls, OnlyWorkIsLeft) {
  EXPECT_EQ(InChild([] {
              int ends[2];
              if (pipe(ends) != 0) return 1;
              if (secalloc_lockdown(SECALLOC_LOCKDOWN_ONLY_WORK) != 0) return 2;
              char byte = 'x';
              if (write(ends[1], &byte, 1) != 1 || read(ends[0], &byte, 1) != 1) return 3;
              if (!Works(nullptr)) return 4;
              if (!Refused(EPERM, [] { return open("/dev/null", O_RDONLY); })) return 5;
              if (!Refused(EPERM, [] { return execl("/bin/true", "true", nullptr); })) return 6;
              if (!Refused(EPERM, [] { return syscall(SYS_socket, 1, 1, 0); })) return 7;
              if (!Refused(EPERM, [] { return syscall(SYS_ptrace, 0, 0, 0, 0); })) return 8;
              return Refused(EPERM, [] { return fork(); }) ? 0 : 9;
            }),
            0);
}

TEST(LockdownCalls, AThreadThatCantBeLockedDownIsTold) {
  for (const unsigned flag : {SECALLOC_LOCKDOWN_CALLS, SECALLOC_LOCKDOWN_ONLY_WORK}) {
    EXPECT_EQ(InChild([&] {
                std::atomic<bool> has_filter = false, stop = false;
                std::thread other([&] {
                  RefuseSystemCall(SYS_kcmp, EPERM);
                  has_filter = true;
                  while (!stop) std::this_thread::yield();
                });
                while (!has_filter) std::this_thread::yield();
                const bool told = Refused(ENOMEM, [&] { return secalloc_lockdown(flag); });
                stop = true;
                other.join();
                return told ? 0 : 1;
              }),
              0);
  }
}

// Filters until the kernel takes no more of so many instructions.
void InstallFilters(unsigned short length) {
  std::vector<sock_filter> code(length, sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0));
  code.back() = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const sock_fprog program = {length, code.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(100);
  while (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0) continue;
}

// Where there is room for the first filter, and none for the second.
TEST(LockdownCalls, AFilterTooManyIsTold) {
  constexpr int kNoRoom = 77;
  int result = kNoRoom;
  for (unsigned short length = 150; length < 220 && result == kNoRoom; length += 7) {
    result = InChild([&] {
      InstallFilters(1000);
      InstallFilters(length);
      if (secalloc_lockdown(SECALLOC_LOCKDOWN_CALLS) != 0) return kNoRoom;
      return Refused(ENOMEM, [] { return secalloc_lockdown(SECALLOC_LOCKDOWN_ONLY_WORK); }) ? 0 : 1;
    });
  }
  EXPECT_EQ(result, 0);
}

}  // namespace
