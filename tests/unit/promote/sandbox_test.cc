// Sandboxes that refuse system calls promotion would make.
#include <errno.h>
#include <gtest/gtest.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "allocator/entry/entry.h"
#include "tests/unit/captured.h"
#include "tests/unit/child.h"
#include "tests/unit/promote/range.h"
#include "tests/unit/promote/refused.h"

namespace secure_alloc::test {
namespace {

constexpr int kSecret = SECALLOC_MADV_SECRET;

void Refuse(int call, int error) {
  const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (filter == nullptr ||
      seccomp_rule_add(filter, SCMP_ACT_ERRNO(static_cast<uint32_t>(error)), call, 0) != 0 ||
      seccomp_load(filter) != 0) {
    _exit(102);
  }
  seccomp_release(filter);
}

TEST(Eopnotsupp, WithoutSecretMemory) {
  for (const int error : {ENOSYS, EPERM}) {
    EXPECT_EQ(InChild([error] {
                Refuse(447, error);
                const Range range(2);
                const int result = CheckRefused(range, EOPNOTSUPP);
                if (result != 0) return result;
                return Range::Advise(nullptr, kPage, SECALLOC_MADV_RESERVE) == EOPNOTSUPP ? 0 : 10;
              }),
              0);
  }
}

TEST(Eopnotsupp, MethodsWithoutUserfaultfd) {
  EXPECT_EQ(
      InChild([] {
        Refuse(SCMP_SYS(userfaultfd), EPERM);
        Refuse(SCMP_SYS(openat), EACCES);  // The device, and /proc.
        const Range range(2);
        if (const int result = CheckRefused(range, EOPNOTSUPP, kSecret | SECALLOC_BY_FAULTS)) {
          return result;
        }
        return CheckRefused(range, EOPNOTSUPP, kSecret | SECALLOC_BY_USER_FAULTS);
      }),
      0);
}

TEST(Stopping, IsWhatIsLeftWithoutUserfaultfd) {
  EXPECT_EQ(InChild([] {
              setenv("SECALLOC_OPTIONS", "budget=256K", 1);
              BecomeNobody();
              Refuse(SCMP_SYS(userfaultfd), ENOSYS);
              const Range range(2);
              if (range.Advise(kSecret) != 0 || !range.IsIntact()) return 10;
              if (Stats().promotion_method != SECALLOC_BY_STOPPING) return 11;
              return range.Advise(SECALLOC_MADV_NORMAL) == 0 && range.IsIntact() ? 0 : 12;
            }),
            0);
}

// With no more address space than is in use, and no way to move what there is.
TEST(ForkDeny, SaysWhatItNeeds) {
  const std::string said = Captured([] {
    EXPECT_EQ(InChild([] {
                setenv("SECALLOC_OPTIONS", "fork=deny", 1);
                if (!entry::Start()) return 10;
                if (secalloc_mark(entry::Allocate(100, {0, nullptr}), kSecret) != 0) return 11;
                Refuse(SCMP_SYS(mremap), EPERM);
                if (InChild([] { return 0; }) != 0) return 12;
                Lower(RLIMIT_AS, 1 << 20);
                return InChild([] { return 0; }) == -SIGABRT ? 0 : 13;
              }),
              0);
  });
  EXPECT_TRUE(said.find("replaces promoted memory") != said.npos &&
              said.find("raise RLIMIT_AS") != said.npos)
      << said;
}

// Before Linux 6.11: the memory map is read as text, from its start for each question.
TEST(MemoryMap, MayBeText) {
  EXPECT_EQ(InChild([] {
              constexpr uint64_t kAskForMapping = 0xC0686611;  // PROCMAP_QUERY
              const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
              if (filter == nullptr ||
                  seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 1,
                                   SCMP_A1(SCMP_CMP_EQ, kAskForMapping)) != 0 ||
                  seccomp_load(filter) != 0) {
                return 9;
              }
              const Range range(40);
              for (size_t page = 0; page < 40; page += 2) {
                if (mprotect(range.at(page), kPage, PROT_READ) != 0) return 8;
              }
              for (const int method : kMethods) {
                if (range.Advise(kSecret | method) != 0 || !IsSecretToKernel(range.at(39)))
                  return 10;
                if (range.Advise(SECALLOC_MADV_NORMAL | method) != 0) return 11;
              }
              return range.IsIntact() ? 0 : 12;
            }),
            0);
}

}  // namespace
}  // namespace secure_alloc::test
