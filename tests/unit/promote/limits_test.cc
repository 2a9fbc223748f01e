// The world's limits: each gives its errno, and memory stays as it was. Each case is a child
// that lowers one limit before it uses the library for the first time.
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/promote/range.h"

namespace secure_alloc::test {
namespace {

constexpr int kSecret = SECALLOC_MADV_SECRET;
constexpr size_t kMiB = 1 << 20;

void Lower(__rlimit_resource resource, size_t value) {
  const struct rlimit limit = {value, value};
  if (setrlimit(resource, &limit) != 0) _exit(100);
}

void BecomeNobody() {
  if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0) _exit(101);
}

// What the child's `body` returns.
template <typename Body>
int InChild(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// `error` for a promotion of all of it, and nothing has changed; then a page can still be had.
int CheckRefused(const Range& range, int error, int advice = kSecret) {
  const int got = range.Advise(advice);
  if (got != error) return got == 0 ? 1 : got;
  if (IsSecretToKernel(range.begin()) || IsSecretToKernel(range.begin() + range.bytes() - 1)) return 2;
  if (!range.IsIntact() || Stats().promoted_bytes != 0) return 3;
  return 0;
}

TEST(Eagain, Budget) {
  EXPECT_EQ(InChild([] {
              setenv("SECALLOC_OPTIONS", "budget=64K", 1);
              const Range range(17);
              if (const int result = CheckRefused(range, EAGAIN)) return result;
              if (Range::Advise(range.begin(), 16 * kPage, kSecret) != 0) return 10;
              if (Range::Advise(range.at(16), kPage, kSecret) != EAGAIN) return 11;
              if (Range::Advise(nullptr, kPage, SECALLOC_MADV_RESERVE) != EAGAIN) return 12;
              // What the program unmaps itself can be had again.
              munmap(range.begin(), 16 * kPage);
              return Range::Advise(range.at(16), kPage, kSecret) == 0 ? 0 : 13;
            }), 0);
}

TEST(Eagain, LockedMemory) {
  EXPECT_EQ(InChild([] {
              setenv("SECALLOC_OPTIONS", "budget=64M", 1);
              Lower(RLIMIT_MEMLOCK, 256 * 1024);
              BecomeNobody();
              // The pages that can be had are promoted, and demoted again.
              const Range range(600);
              if (const int result = CheckRefused(range, EAGAIN)) return result;
              return Range::Advise(range.begin(), 8 * kPage, kSecret) == 0 ? 0 : 10;
            }), 0);
}

TEST(Eagain, FileSize) {
  EXPECT_EQ(InChild([] {
              Lower(RLIMIT_FSIZE, 16 * kPage);
              const Range range(16), larger(64);
              if (range.Advise(kSecret) != 0) return 10;
              return Range::Advise(larger.begin(), larger.bytes(), kSecret) == EAGAIN ? 0 : 11;
            }), 0);
}

TEST(Eagain, Descriptors) {
  EXPECT_EQ(InChild([] {
              const Range range(4);
              Lower(RLIMIT_NOFILE, 64);
              while (dup(0) >= 0) {
              }
              const int result = CheckRefused(range, EAGAIN);
              close(63);
              close(62);
              close(61);
              close(60);
              return result != 0 ? result : range.Advise(kSecret) == 0 ? 0 : 10;
            }), 0);
}

// The thread that takes a demotion's event.
TEST(Eagain, Threads) {
  EXPECT_EQ(InChild([] {
              setenv("SECALLOC_OPTIONS", "budget=256K", 1);
              Lower(RLIMIT_NPROC, 1);
              BecomeNobody();
              const Range range(2);
              if (range.Advise(kSecret) != 0) return 10;
              const int error = range.Advise(SECALLOC_MADV_NORMAL | SECALLOC_BY_USER_FAULTS);
              if (error != EAGAIN) return error == 0 ? 11 : error;
              if (!IsSecret(range.begin()) || !range.IsIntact()) return 12;
              return range.Advise(SECALLOC_MADV_NORMAL | SECALLOC_BY_STOPPING) == 0 ? 0 : 13;
            }), 0);
}

TEST(Enomem, MapEntries) {
  EXPECT_EQ(InChild([] {
              const Range range(64);
              if (Range::Advise(nullptr, kPage, SECALLOC_MADV_RESERVE) != 0) return 9;
              // One entry for each page, until there are no more.
              constexpr size_t kPages = 140000;
              char* const pages = static_cast<char*>(
                  mmap(nullptr, kPages * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
              size_t page = 0;
              while (page < kPages && mprotect(pages + page * kPage, kPage, PROT_READ) == 0) page += 2;
              if (page >= kPages) return 8;
              if (const int result = CheckRefused(range, ENOMEM)) return result;
              munmap(pages, kPages * kPage);
              return range.Advise(kSecret) == 0 && range.IsIntact() ? 0 : 10;
            }), 0);
}

TEST(Unprivileged, MethodsThatNeedNoRight) {
  EXPECT_EQ(InChild([] {
              setenv("SECALLOC_OPTIONS", "budget=256K", 1);
              BecomeNobody();
              const Range range(3);
              if (range.Advise(kSecret | SECALLOC_BY_FAULTS) != EOPNOTSUPP) return 10;
              for (const int method : {0, SECALLOC_BY_USER_FAULTS, SECALLOC_BY_STOPPING}) {
                if (range.Advise(kSecret | method) != 0 || !IsSecret(range.begin())) return 11;
                if (range.Advise(SECALLOC_MADV_NORMAL | method) != 0 || !range.IsIntact()) return 12;
              }
              return Stats().promotion_method == SECALLOC_BY_USER_FAULTS ? 0 : 13;
            }), 0);
}

// vm.overcommit_memory=2 is the machine's; an address space that is full is a process's.
TEST(Enomem, AddressSpace) {
  EXPECT_EQ(InChild([] {
              setenv("SECALLOC_OPTIONS", "budget=64M", 1);
              Lower(RLIMIT_AS, 900 * kMiB);
              const Range range(2000);
              if (range.Advise(kSecret) != 0) return 10;  // Also starts the library.
              if (range.Advise(SECALLOC_MADV_NORMAL) != 0) return 11;
              secalloc_trim();
              while (mmap(nullptr, 64 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
                     MAP_FAILED) {
              }
              return CheckRefused(range, ENOMEM);
            }), 0);
}

}  // namespace
}  // namespace secure_alloc::test
