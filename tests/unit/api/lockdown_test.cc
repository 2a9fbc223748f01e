// secalloc_lockdown: what is refused afterwards, and what goes on.
#include "secure_alloc/secure_alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "tests/unit/api/sandbox.h"
#include "tests/unit/child.h"

namespace {

using secure_alloc::test::ForbidSystemCalls;
using secure_alloc::test::InChild;

constexpr int kSkipped = 77;

#define SKIP_IF(result)                                                          \
  if ((result) == kSkipped) GTEST_SKIP() << "SKIP: kernel: no mseal(2) before Linux 6.10"

int LockMaps() {
  if (secalloc_lockdown(SECALLOC_LOCKDOWN_MAPS) == 0) return 0;
  return errno == EOPNOTSUPP ? kSkipped : 100;
}

template <typename Call>
bool Refused(int error, Call call) {
  errno = 0;
  return call() == -1 && errno == error;
}

bool IsSealed(void* object) {
  void* const page =
      reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(object) & ~uintptr_t{4095});
  return Refused(EPERM, [&] { return munmap(page, 4096); }) &&
         Refused(EPERM, [&] { return mprotect(page, 4096, PROT_NONE); }) &&
         mremap(page, 4096, 4096, MREMAP_MAYMOVE) == MAP_FAILED && errno == EPERM &&
         mmap(page, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
             MAP_FAILED &&
         errno == EPERM;
}

secalloc_domain* Create() {
  struct secalloc_domain_config config = {};
  config.name = "keys";
  return secalloc_domain_create(&config);
}

// Objects of all sorts come, hold what they are given, and go.
bool Works(secalloc_domain* domain) {
  for (int round = 0; round < 3; ++round) {
    void* objects[64];
    for (size_t i = 0; i < 64; ++i) {
      const size_t size = i == 63 ? 3 << 20 : i % 8 == 7 ? 60000 : 16u << i % 8;
      objects[i] = secalloc_domain_malloc(domain, size);
      if (objects[i] == nullptr) return false;
      memset(objects[i], static_cast<int>(i), size);
    }
    for (void* object : objects) secalloc_free(object);
    secalloc_trim();
  }
  return true;
}

TEST(Lockdown, RefusesUnknownFlags) {
  EXPECT_TRUE(Refused(EINVAL, [] { return secalloc_lockdown(0); }));
  EXPECT_TRUE(Refused(EINVAL, [] { return secalloc_lockdown(16); }));
}

TEST(Lockdown, SealsArenasThatAreAndThatCome) {
  const int result = InChild([] {
    void* const before = secalloc_malloc(100);
    secalloc_domain* const domain = Create();
    void* const large = secalloc_domain_malloc(domain, 3 << 20);  // In an arena of its own.
    if (mprotect(reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(before) & ~uintptr_t{4095}),
                 4096, PROT_READ | PROT_WRITE) != 0) {
      return 1;
    }
    if (const int error = LockMaps(); error != 0) return error;
    if (!IsSealed(before) || !IsSealed(large)) return 2;
    if (!IsSealed(secalloc_domain_malloc(domain, 1000))) return 3;
    if (!IsSealed(secalloc_domain_malloc(Create(), 1000))) return 4;
    if (!IsSealed(secalloc_domain_malloc(domain, 4 << 20))) return 6;
    secalloc_free(large);
    // The same pages again, as no one else can have them.
    return secalloc_domain_malloc(domain, 3 << 20) == large ? 0 : 5;
  });
  SKIP_IF(result);
  EXPECT_EQ(result, 0);
}

TEST(Lockdown, MemoryIsReusedWhereItIsSealed) {
  const int result = InChild([] {
    secalloc_domain* const domain = Create();
    void* const guarded = secalloc_domain_malloc(domain, 60000);
    if (const int error = LockMaps(); error != 0) return error;
    secalloc_free(guarded);
    if (!Works(domain) || !Works(nullptr)) return 1;
    struct secalloc_stats first, then;
    secalloc_domain_stats(domain, &first);
    for (int i = 0; i < 20; ++i) {
      if (!Works(domain)) return 2;
    }
    secalloc_domain_stats(domain, &then);
    return then.arena_bytes == first.arena_bytes ? 0 : 3;
  });
  SKIP_IF(result);
  EXPECT_EQ(result, 0);
}

TEST(Lockdown, PolicyCantBeChangedAfterwards) {
  const int result = InChild([] {
    secalloc_domain* const domain = Create();
    void* const object = secalloc_domain_malloc(domain, 60000);
    if (const int error = LockMaps(); error != 0) return error;
    if (!Refused(EPERM, [&] { return secalloc_domain_destroy(domain); })) return 1;
    if (!Refused(EPERM, [&] { return secalloc_protect(object, PROT_NONE); })) return 2;
    if (!Refused(EPERM, [] { return secalloc_set_fault_handler(nullptr, nullptr); })) return 3;
    memset(object, 1, 60000);  // It is still there.
    return 0;
  });
  SKIP_IF(result);
  EXPECT_EQ(result, 0);
}

TEST(Lockdown, ClosedObjectsMustBeOpenedFirst) {
  const int result = InChild([] {
    void* const object = secalloc_malloc(60000);
    if (secalloc_protect(object, PROT_NONE) != 0) return 1;
    if (secalloc_lockdown(SECALLOC_LOCKDOWN_MAPS) == 0) return 2;
    if (errno == EOPNOTSUPP) return kSkipped;
    if (errno != EBUSY || secalloc_protect(object, PROT_READ | PROT_WRITE) != 0) return 3;
    return LockMaps();
  });
  SKIP_IF(result);
  EXPECT_EQ(result, 0);
}

TEST(Lockdown, AChildHasItsOwnSealedCopy) {
  const int result = InChild([] {
    char* const object = static_cast<char*>(secalloc_malloc(100));
    char* const large = static_cast<char*>(secalloc_malloc(60000));
    char* const whole = static_cast<char*>(secalloc_malloc(3 << 20));  // In an arena of its own.
    object[0] = large[0] = whole[0] = 'p';
    if (const int error = LockMaps(); error != 0) return error;
    const int child = InChild([&] {
      if (object[0] != 'p' || large[0] != 'p' || whole[0] != 'p') return 10;
      if (!IsSealed(object) || !IsSealed(whole)) return 11;
      object[0] = 'c';
      secalloc_free(large);
      return Works(nullptr) ? 0 : 12;
    });
    return child != 0 ? child : object[0] == 'p' ? 0 : 1;
  });
  SKIP_IF(result);
  EXPECT_EQ(result, 0);
}

TEST(Lockdown, GrowthEndsWithoutASystemCall) {
  EXPECT_EQ(InChild([] {
              secalloc_domain* const domain = Create();
              if (secalloc_reserve_objects(domain, 1000, 100) != 0) return 1;
              if (secalloc_reserve_objects(domain, 3, 50000) != 0) return 2;
              if (secalloc_lockdown(SECALLOC_LOCKDOWN_GROWTH) != 0) return 3;
              ForbidSystemCalls();
              for (int round = 0; round < 3; ++round) {
                void* objects[1003];
                for (int i = 0; i < 1003; ++i) {
                  objects[i] = secalloc_domain_malloc(domain, i < 1000 ? 100 : 50000);
                  if (objects[i] == nullptr) return 4;
                }
                for (void* object : objects) secalloc_free(object);
              }
              // To the end, of every size, large ones that no guard can be had for too.
              for (size_t size : {31u, 1000u, 20000u, 40000u, 100000u, 3u << 20}) {
                errno = 0;
                while (secalloc_domain_malloc(domain, size) != nullptr) errno = 0;
                if (errno != ENOMEM) return 5;
              }
              return 0;
            }),
            0);
}

TEST(Lockdown, GrowthIsRefusedToTheStandardDomainToo) {
  EXPECT_EQ(InChild([] {
              secalloc_free(secalloc_malloc(100));  // The thread's caches.
              if (secalloc_reserve_objects(nullptr, 200, 100) != 0) return 1;
              if (secalloc_lockdown(SECALLOC_LOCKDOWN_GROWTH) != 0) return 2;
              ForbidSystemCalls();
              int served = 0;
              while (secalloc_malloc(100) != nullptr) ++served;
              return errno == ENOMEM && served >= 200 ? 0 : 3;
            }),
            0);
}

TEST(Lockdown, GrowthRefusesWhatNeedsArenas) {
  EXPECT_EQ(InChild([] {
              secalloc_domain* const domain = Create();
              if (secalloc_lockdown(SECALLOC_LOCKDOWN_GROWTH) != 0) return 1;
              if (!Refused(EPERM, [&] { return secalloc_reserve(domain, 1000); })) return 2;
              if (!Refused(EPERM, [&] { return secalloc_reserve_objects(domain, 1, 9); })) {
                return 3;
              }
              if (!Refused(EPERM, [] { return secalloc_mark(malloc(10), SECALLOC_MADV_SECRET); })) {
                return 5;
              }
              return Create() == nullptr && errno == EPERM ? 0 : 4;
            }),
            0);
}

TEST(Lockdown, CallsThatLookIntoProcessesAreRefused) {
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
TEST(Lockdown, CallsAreRefusedToAllThreads) {
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
TEST(Lockdown, CallsOfOtherArchitecturesAreRefused) {
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

TEST(Lockdown, OnlyWorkIsLeft) {
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

TEST(Lockdown, AllAtOnceAndAgain) {
  const int result = InChild([] {
    if (!Works(nullptr)) return 1;
    if (const int error = LockMaps(); error != 0) return error;
    for (int i = 0; i < 2; ++i) {
      if (secalloc_lockdown(SECALLOC_LOCKDOWN_MAPS | SECALLOC_LOCKDOWN_GROWTH |
                            SECALLOC_LOCKDOWN_CALLS | SECALLOC_LOCKDOWN_ONLY_WORK) != 0) {
        return i == 0 ? 2 : 0;  // The second time seccomp(2) itself is refused.
      }
    }
    return 3;
  });
  SKIP_IF(result);
  EXPECT_EQ(result, 0);
}

}  // namespace
