// Copies for a child: which pages are faulted in, and when.
#include <errno.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "allocator/pages/page_heap.h"
#include "allocator/pages/sources.h"
#include "allocator/pages/space.h"
#include "tests/unit/child.h"

namespace secure_alloc {
namespace {

constexpr PageHeapPolicy kPolicy = {
    .first_step = 16, .last_step = 512, .record_pages = 1, .arena_pages = 0, .kept_empty = 0};
// The same, but an arena that falls empty stays.
constexpr PageHeapPolicy kKept = {
    .first_step = 16, .last_step = 16, .record_pages = 1, .arena_pages = 0, .kept_empty = 16};

// From here on pages can't be faulted in by os::FaultIn().
void RefuseToFaultIn() {
  sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_getrandom, 0, 1),
                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program = {sizeof code / sizeof code[0], code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(100);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) _exit(101);
}

class PageHeapForkTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(space.Init()); }

  void SetUp() override {
    if (heap_.Reserve(1) == ENOSYS) GTEST_SKIP() << "SKIP: kernel: no memfd_secret(2)";
  }
  void TearDown() override { heap_.Close(); }

  // In a child: makes copies, calls `between`, fills the copies without any more faulting in. Its
  // exit status is FillCopies's error.
  template <typename Between>
  int ErrorOfFilling(Between between) {
    return test::InChild([&] {
      Take(2);
      if (heap_.MakeCopies() != 0) return 102;
      between();
      RefuseToFaultIn();
      MutexLock lock(heap_.mutex());
      return heap_.FillCopies();
    });
  }

  static secure_alloc::Run TakeFrom(PageHeap& heap, unsigned order) {
    secure_alloc::Run run;
    int error = 0;
    if (!heap.TryTake(order, &run, &error)) _exit(103);
    return run;
  }
  secure_alloc::Run Take(unsigned order) { return TakeFrom(heap_, order); }

  PageHeap heap_{kPolicy, secret_source, nullptr};
  PageHeap kept_{kKept, secret_source, nullptr};
};

TEST_F(PageHeapForkTest, WhatWasInUseWhenTheCopyWasMadeIsNotFaultedInAgain) {
  EXPECT_EQ(ErrorOfFilling([] {}), 0);
}

TEST_F(PageHeapForkTest, WhatCameIntoUseSinceIsFaultedIn) {
  EXPECT_EQ(ErrorOfFilling([this] { Take(1); }), EIO);
}

// An arena that was idle when copies were made comes into use with a copy, or not at all.
TEST_F(PageHeapForkTest, WhatIsIdleIsNotUsedWithoutACopy) {
  EXPECT_EQ(test::InChild([this] {
              secure_alloc::Run run;
              int error = 0;
              kept_.Give(TakeFrom(kept_, 4));
              if (kept_.MakeCopies() != 0) return 102;
              const rlimit none = {0, 64};
              const rlimit some = {64, 64};
              if (setrlimit(RLIMIT_NOFILE, &none) != 0) return 104;
              if (kept_.TryTake(4, &run, &error)) return 105;
              if (error != EMFILE) return error;
              if (setrlimit(RLIMIT_NOFILE, &some) != 0) return 106;
              TakeFrom(kept_, 4);
              if (setrlimit(RLIMIT_NOFILE, &none) != 0) return 107;
              MutexLock lock(kept_.mutex());
              return kept_.FillCopies();
            }),
            0);
}

TEST_F(PageHeapForkTest, EachForkFaultsInItsOwnCopy) {
  EXPECT_EQ(ErrorOfFilling([this] {
              MutexLock lock(heap_.mutex());
              heap_.DropCopies();  // That fork failed. The next is not by our wrapper.
            }),
            EIO);
}

}  // namespace
}  // namespace secure_alloc
