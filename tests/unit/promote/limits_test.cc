// The world's limits: each gives its errno, and memory stays as it was. Each case is a child
// that lowers one limit before it uses the library for the first time.
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "allocator/entry/entry.h"
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
  return WIFEXITED(status) ? WEXITSTATUS(status) : 256 - WTERMSIG(status);
}

// `error` for a promotion of all of it, and nothing has changed; then a page can still be had.
int CheckRefused(const Range& range, int error, int advice = kSecret) {
  const int got = range.Advise(advice);
  if (got != error) return got == 0 ? 1 : got;
  if (IsSecretToKernel(range.begin()) || IsSecretToKernel(range.begin() + range.bytes() - 1))
    return 2;
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
            }),
            0);
}

// Files of other sizes make room.
TEST(Eagain, NotWhileThePoolHasIt) {
  EXPECT_EQ(InChild([] {
              setenv("SECALLOC_OPTIONS", "budget=64K", 1);
              const Range range(16);
              for (int i = 0; i < 16; ++i) {
                if (Range::Advise(nullptr, kPage, SECALLOC_MADV_RESERVE) != 0) return 10;
              }
              return range.Advise(kSecret) == 0 && range.IsIntact() ? 0 : 11;
            }),
            0);
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
            }),
            0);
}

TEST(Eagain, FileSize) {
  EXPECT_EQ(InChild([] {
              Lower(RLIMIT_FSIZE, 16 * kPage);
              const Range range(16), larger(64);
              if (range.Advise(kSecret) != 0) return 10;
              return Range::Advise(larger.begin(), larger.bytes(), kSecret) == EAGAIN ? 0 : 11;
            }),
            0);
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
            }),
            0);
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
            }),
            0);
}

constexpr size_t kManyPages = 140000;

// One entry for each page, until there are no more; *next: the page that could not have one.
char* SpendMapEntries(size_t* next) {
  char* const pages = static_cast<char*>(
      mmap(nullptr, kManyPages * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  for (*next = 0; *next < kManyPages; *next += 2) {
    if (mprotect(pages + *next * kPage, kPage, PROT_READ) != 0) return pages;
  }
  return nullptr;
}

// Whatever there is too little for can be undone with what there is.
TEST(Enomem, FewMapEntries) {
  EXPECT_EQ(InChild([] {
              const Range range(3);
              char* const middle = range.at(1);
              if (Range::Advise(nullptr, kPage, SECALLOC_MADV_RESERVE) != 0) return 9;
              size_t page;
              char* const pages = SpendMapEntries(&page);
              if (pages == nullptr) return 8;
              int done = 0;
              for (int freed = 0; freed < 14; ++freed) {
                for (const int method : kMethods) {
                  const int there = Range::Advise(middle, kPage, kSecret | method);
                  if (IsSecretToKernel(middle) != (there == 0)) return 10;
                  const int back = Range::Advise(middle, kPage, SECALLOC_MADV_NORMAL | method);
                  if ((there != 0 && there != ENOMEM) || (back != 0 && back != ENOMEM)) return 11;
                  if (!range.IsIntact()) return 12;
                  done += there == 0 && back == 0;
                }
                page -= 2;
                if (mprotect(pages + page * kPage, kPage, PROT_NONE) != 0) return 13;
              }
              return done > 0 ? 0 : 14;
            }),
            0);
}

TEST(Enomem, MapEntries) {
  EXPECT_EQ(InChild([] {
              const Range range(64);
              if (Range::Advise(nullptr, kPage, SECALLOC_MADV_RESERVE) != 0) return 9;
              size_t page;
              char* const pages = SpendMapEntries(&page);
              if (pages == nullptr) return 8;
              if (const int result = CheckRefused(range, ENOMEM)) return result;
              munmap(pages, kManyPages * kPage);
              return range.Advise(kSecret) == 0 && range.IsIntact() ? 0 : 10;
            }),
            0);
}

TEST(Unprivileged, MethodsThatNeedNoRight) {
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

// --- States of a process ------------------------------------------------------------

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

// --- Sandboxes ---------------------------------------------------------------------

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

// --- Fork by policy ----------------------------------------------------------------

// What the grandchild returns, or minus its signal.
template <typename Body>
int UnderPolicy(const char* options, const Range& range, Body body) {
  return InChild([&] {
    setenv("SECALLOC_OPTIONS", options, 1);
    if (range.Advise(kSecret) != 0) return 50;
    return InChild(body);
  });
}

TEST(ForkPolicy, DenyLeavesTheChildNothing) {
  const Range range(2);
  EXPECT_EQ(
      UnderPolicy("fork=deny", range, [&] { return *static_cast<volatile char*>(range.begin()); }),
      256 - SIGSEGV);
  EXPECT_EQ(UnderPolicy("fork=deny", range, [] { return Stats().promoted_bytes == 0 ? 0 : 1; }), 0);
}

// Objects that came along are gone as secrets are: they can be freed, and the heap goes on.
TEST(ForkPolicy, DenyLeavesTheHeapWhole) {
  EXPECT_EQ(InChild([] {
              setenv("SECALLOC_OPTIONS", "fork=deny", 1);
              if (!entry::Start()) return 50;
              void* objects[100];
              for (void*& object : objects) object = entry::Allocate(100, {0, nullptr});
              if (secalloc_mark(objects[50], kSecret) != 0) return 51;
              return InChild([&] {
                for (void*& object : objects) entry::Free(object, {0, nullptr});
                for (void*& object : objects) object = entry::Allocate(100, {0, nullptr});
                for (void*& object : objects) memset(object, 1, 100);
                for (void*& object : objects) entry::Free(object, {0, nullptr});
                return 0;
              });
            }),
            0);
}

// The neighbours are the program's own: two processes can't share them.
TEST(ForkPolicy, ShareCopiesWhatIsPromoted) {
  const Range range(2);
  EXPECT_EQ(InChild([&] {
              setenv("SECALLOC_OPTIONS", "fork=share", 1);
              if (range.Advise(kSecret) != 0) return 50;
              const int child = InChild([&] {
                if (!range.IsIntact() || !IsSecret(range.begin())) return 1;
                *range.begin() ^= 1;
                return 0;
              });
              return child != 0 ? child : range.IsIntact() ? 0 : 51;
            }),
            0);
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
            }),
            0);
}

}  // namespace
}  // namespace secure_alloc::test
