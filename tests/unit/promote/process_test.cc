// States of a process in which promotion is another matter: without rights, not dumpable, ...
#include <errno.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

#include "tests/unit/child.h"
#include "tests/unit/promote/range.h"
#include "tests/unit/promote/refused.h"

namespace secure_alloc::test {
namespace {

constexpr int kSecret = SECALLOC_MADV_SECRET;

TEST(Process, HasNoRights) {
  EXPECT_EQ(InChild([] {
              setenv("SECALLOC_OPTIONS", "budget=256K", 1);
              BecomeNobody();
              const Range range(3);
              if (range.Advise(kSecret | SECALLOC_BY_FAULTS) != EOPNOTSUPP) return 10;
              for (const int method : {0, SECALLOC_BY_USER_FAULTS, SECALLOC_BY_STOPPING}) {
                if (range.Advise(kSecret | method) != 0 || !IsSecret(range.begin())) return 11;
                if (range.Advise(SECALLOC_MADV_NORMAL | method) != 0 || !range.IsIntact())
                  return 12;
              }
              return Stats().promotion_method == SECALLOC_BY_USER_FAULTS ? 0 : 13;
            }),
            0);
}

#ifndef __SANITIZE_ADDRESS__  // Whose terabytes can not be locked.
// The library's own new mappings are locked and filled, then.
TEST(Process, LocksWhatIsMappedFromNowOn) {
  EXPECT_EQ(InChild([] {
              const Range range(4);
              if (Range::Advise(nullptr, 4 * kPage, SECALLOC_MADV_RESERVE) != 0) return 9;
              if (mlockall(MCL_FUTURE) != 0) return 8;
              for (const int method : kMethods) {
                if (range.Advise(kSecret | method) != 0 || !range.IsIntact()) return 10;
                if (!IsSecretToKernel(range.begin())) return 11;
                if (range.Advise(SECALLOC_MADV_NORMAL | method) != 0 || !range.IsIntact())
                  return 12;
              }
              const Range mapped_later(1);
              return CheckRefused(mapped_later, EINVAL);
            }),
            0);
}
#endif

// Others run on; of it /proc/self/maps shows nothing.
TEST(Process, HasLostItsFirstThread) {
  EXPECT_EQ(InChild([] {
              std::thread([] {
                usleep(50000);
                const Range range(2);
                for (const int method : kMethods) {
                  if (range.Advise(kSecret | method) != 0 || !IsSecret(range.begin())) _exit(10);
                  if (range.Advise(SECALLOC_MADV_NORMAL | method) != 0) _exit(11);
                }
                _exit(range.IsIntact() ? 0 : 12);
              }).detach();
              syscall(SYS_exit, 0);  // Of this thread; no unwinding through the test's frames.
              return 1;
            }),
            0);
}

// What is promoted is known all the same.
TEST(Process, HasNoDescriptor) {
  EXPECT_EQ(InChild([] {
              const Range range(4);
              if (Range::Advise(range.at(1), kPage, kSecret) != 0) return 10;
              Lower(RLIMIT_NOFILE, 0);
              for (size_t page = 0; page < 4; ++page) {
                if (IsSecret(range.at(page)) != (page == 1)) return 11;
              }
              return IsSecret(range.at(1) + kPage - 1) ? 0 : 12;
            }),
            0);
}

// As agents that hold keys are.
TEST(Process, IsNotDumpable) {
  EXPECT_EQ(InChild([] {
              setenv("SECALLOC_OPTIONS", "budget=256K", 1);
              BecomeNobody();
              prctl(PR_SET_DUMPABLE, 0);
              const Range range(2);
              for (const int method : {SECALLOC_BY_USER_FAULTS, SECALLOC_BY_STOPPING}) {
                if (range.Advise(kSecret | method) != 0 || !IsSecret(range.begin())) return 10;
                if (range.Advise(SECALLOC_MADV_NORMAL | method) != 0) return 11;
              }
              // Only root may ask who has the pages.
              return CheckRefused(range, EOPNOTSUPP, kSecret | SECALLOC_UNSHARED);
            }),
            0);
}

}  // namespace
}  // namespace secure_alloc::test
