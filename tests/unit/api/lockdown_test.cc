// secalloc_lockdown: what is refused afterwards, and what goes on.
#include "secure_alloc/secure_alloc.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

#include "allocator/domain/lockdown.h"
#include "tests/unit/api/lockdown.h"
#include "tests/unit/api/sandbox.h"
#include "tests/unit/child.h"

namespace {

using secure_alloc::test::Create;
using secure_alloc::test::InChild;
using secure_alloc::test::Refused;
using secure_alloc::test::RefuseSystemCall;
using secure_alloc::test::Works;

constexpr int kSkipped = 77;

#define SKIP_IF(result)                                                          \
  if ((result) == kSkipped) GTEST_SKIP() << "SKIP: kernel: no mseal(2) before Linux 6.10"

int LockMaps() {
  if (secalloc_lockdown(SECALLOC_LOCKDOWN_MAPS) == 0) return 0;
  return errno == EOPNOTSUPP ? kSkipped : 100;
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

// Each page of each secret mapping there is.
bool AreAllSealed() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    uintptr_t begin, end;
    if (line.find("secretmem") == std::string::npos) continue;
    if (sscanf(line.c_str(), "%lx-%lx", &begin, &end) != 2) return false;
    for (uintptr_t page = begin; page < end; page += 4096) {
      if (!Refused(EPERM, [&] {
            return mprotect(reinterpret_cast<void*>(page), 4096, PROT_READ | PROT_WRITE);
          })) {
        return false;
      }
    }
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
    if (!AreAllSealed()) return 7;
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

// What is closed once arenas are sealed could never be opened again.
TEST(Lockdown, NothingIsClosedMeanwhile) {
  for (int round = 0; round < 30; ++round) {
    const int result = InChild([] {
      void* const object = secalloc_domain_malloc(Create(), 60000);
      for (int i = 0; i < 100; ++i) {
        if (secalloc_domain_malloc(Create(), 100) == nullptr) return 1;
      }
      std::atomic<bool> stop = false;
      std::thread other([&] {
        while (!stop) {
          (void)secalloc_protect(object, PROT_READ);
          (void)secalloc_protect(object, PROT_READ | PROT_WRITE);
        }
      });
      int error;
      do {
        error = secalloc_lockdown(SECALLOC_LOCKDOWN_MAPS) == 0 ? 0 : errno;
      } while (error == EBUSY);
      stop = true;
      other.join();
      if (error != 0) return error == EOPNOTSUPP ? kSkipped : 2;
      memset(object, 1, 60000);
      secalloc_free(object);
      return 0;
    });
    SKIP_IF(result);
    ASSERT_EQ(result, 0);
  }
}

TEST(Lockdown, WhatCouldNotBeSealedIsTold) {
  const int result = InChild([] {
    char* const object = static_cast<char*>(secalloc_malloc(60000));
    secalloc_domain* const domain = Create();
    if (secalloc_domain_malloc(domain, 100) == nullptr) return 1;
    char* const page = object + (4096 - reinterpret_cast<uintptr_t>(object) % 4096) % 4096;
    if (munmap(page, 4096) != 0) return 2;
    errno = 0;
    if (secalloc_lockdown(SECALLOC_LOCKDOWN_MAPS) == 0) return 3;
    return errno == EOPNOTSUPP ? kSkipped : errno == ENOMEM ? 0 : 4;
  });
  SKIP_IF(result);
  EXPECT_EQ(result, 0);
}

TEST(Lockdown, WhereTheKernelCantNothingIsChanged) {
  constexpr unsigned kMseal = 462;
  EXPECT_EQ(InChild([] {
              RefuseSystemCall(kMseal, ENOSYS);
              constexpr unsigned kMaps = SECALLOC_LOCKDOWN_MAPS;
              for (const unsigned flags :
                   {kMaps, kMaps | SECALLOC_LOCKDOWN_GROWTH | SECALLOC_LOCKDOWN_CALLS}) {
                if (!Refused(EOPNOTSUPP, [&] { return secalloc_lockdown(flags); })) return 1;
              }
              return prctl(PR_GET_DUMPABLE) == 1 && secalloc_domain_destroy(Create()) == 0 ? 0 : 2;
            }),
            0);
  for (const unsigned filter : {SECALLOC_LOCKDOWN_CALLS, SECALLOC_LOCKDOWN_ONLY_WORK}) {
    EXPECT_EQ(InChild([&] {
                RefuseSystemCall(SYS_seccomp, EPERM);
                if (!Refused(EOPNOTSUPP, [&] {
                      return secalloc_lockdown(filter | SECALLOC_LOCKDOWN_GROWTH);
                    })) {
                  return 1;
                }
                return prctl(PR_GET_DUMPABLE) == 1 && secalloc_domain_destroy(Create()) == 0 &&
                               secalloc_set_fault_handler(nullptr, nullptr) == 0
                           ? 0
                           : 2;
              }),
              0);
  }
}

TEST(Lockdown, TheFaultHandlerStaysWhateverIsInForce) {
  for (const unsigned flag :
       {SECALLOC_LOCKDOWN_MAPS, SECALLOC_LOCKDOWN_GROWTH, SECALLOC_LOCKDOWN_CALLS,
        SECALLOC_LOCKDOWN_ONLY_WORK}) {
    EXPECT_EQ(InChild([&] {
                if (secalloc_set_fault_handler(nullptr, nullptr) != 0) return 1;
                if (secalloc_lockdown(flag) != 0) return errno == EOPNOTSUPP ? 0 : 2;
                if ((secure_alloc::LockedDown() & flag) == 0) return 4;
                return Refused(EPERM, [] { return secalloc_set_fault_handler(nullptr, nullptr); })
                           ? 0
                           : 3;
              }),
              0)
        << flag;
  }
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
