// Forks with promoted memory, by each policy.
#include "allocator/domain/fork.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "tests/unit/child.h"
#include "tests/unit/domain/wrapped_fork.h"
#include "tests/unit/heap/objects.h"
#include "tests/unit/promote/range.h"

namespace secure_alloc {
namespace {

using test::Fork;
using test::InChild;
using test::kPage;
using test::Range;

int CheckChildsCopy(const Range& range) {
  if (!test::IsSecret(range.at(0)) || !test::IsSecretToKernel(range.at(0))) return 1;
  if (test::ProtectionOf(range.at(1)) != PROT_NONE) return 2;
  if (mprotect(range.at(1), kPage, PROT_READ | PROT_WRITE) != 0) return 3;
  if (!range.IsIntact()) return 4;
  memset(range.begin(), 7, range.bytes());
  if (test::Stats().promoted_bytes != range.bytes()) return 5;
  // A grandchild, too, and demotion in the child.
  if (InChild(Fork, [&] { return range.at(2)[0] == 7 ? 0 : 1; }) != 0) return 6;
  if (range.Advise(SECALLOC_MADV_NORMAL) != 0 || range.at(2)[5] != 7) return 7;
  if (range.Advise(SECALLOC_MADV_SECRET) != 0 || range.at(2)[5] != 7) return 8;
  return 0;
}

// fork(3), which the library's handlers see, and its wrapper.
class Copies : public testing::TestWithParam<pid_t (*)()> {};

TEST_P(Copies, AreTheChildsOwn) {
  const Range range(5);
  ASSERT_EQ(range.Advise(SECALLOC_MADV_SECRET), 0);
  ASSERT_EQ(mprotect(range.at(1), kPage, PROT_NONE), 0);
  const size_t locked = test::StatusOf("VmLck"), descriptors = test::Descriptors();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(InChild(GetParam(), [&] { return CheckChildsCopy(range); }), 0);
  }
  EXPECT_EQ(test::StatusOf("VmLck"), locked);  // The copies are gone.
  EXPECT_EQ(test::Descriptors(), descriptors);
  ASSERT_EQ(mprotect(range.at(1), kPage, PROT_READ | PROT_WRITE), 0);
  EXPECT_TRUE(range.IsIntact());
}

// What a program has sealed: the child's is not. Unreadable pages can't be had, which fork says.
TEST(Sealed, MemoryIsCopiedOrForkFails) {
  const int result = InChild(Fork, [] {
    constexpr long kMseal = 462;
    Range range(3);
    if (range.Advise(SECALLOC_MADV_SECRET) != 0) return 1;
    if (syscall(kMseal, range.at(0), kPage, 0) != 0) return 77;
    if (range.Advise(SECALLOC_MADV_NORMAL) != EPERM || !test::IsSecret(range.at(0))) return 2;
    if (InChild(Fork, [&] {
          if (!range.IsIntact() || mprotect(range.at(0), kPage, PROT_READ) != 0) return 1;
          return mprotect(range.at(0), kPage, PROT_READ | PROT_WRITE);
        }) != 0) {
      return 3;
    }
    if (mprotect(range.at(1), kPage, PROT_NONE) != 0) return 4;
    if (InChild(Fork, [] { return 0; }) != 0) return 5;
    if (syscall(kMseal, range.at(1), kPage, 0) != 0) return 6;
    if (Fork() != -1) return 7;
    range.Disown();  // It can't be unmapped.
    return 0;
  });
  if (result == 77) GTEST_SKIP() << "SKIP: kernel: no mseal(2) before Linux 6.10";
  EXPECT_EQ(result, 0);
}

// Objects of both heaps and of the C library, on promoted pages, are used by parent and child.
TEST_P(Copies, HoldHeaps) {
  char* ordinary[100];
  char* theirs[100];
  for (int i = 0; i < 100; ++i) {
    ordinary[i] = static_cast<char*>(entry::Allocate(200, test::kPublic));
    theirs[i] = static_cast<char*>(malloc(200));
    memset(ordinary[i], i, 200);
    memset(theirs[i], i, 200);
  }
  for (int i = 0; i < 100; i += 10) {
    ASSERT_EQ(secalloc_mark(ordinary[i], SECALLOC_MADV_SECRET), 0);
    ASSERT_EQ(secalloc_mark(theirs[i], SECALLOC_MADV_SECRET), 0);
  }
  const auto use = [&] {
    for (int i = 0; i < 100; ++i) {
      if (ordinary[i][199] != i || theirs[i][0] != i) return 1;
      entry::Free(ordinary[i], test::kPublic);
      free(theirs[i]);
      ordinary[i] = static_cast<char*>(entry::Allocate(200, test::kPublic));
      theirs[i] = static_cast<char*>(malloc(200));
      memset(ordinary[i], i, 200);
      memset(theirs[i], i, 200);
    }
    return 0;
  };
  EXPECT_EQ(InChild(GetParam(), use), 0);
  EXPECT_EQ(use(), 0);
  for (int i = 0; i < 100; ++i) {
    entry::Free(ordinary[i], test::kPublic);
    free(theirs[i]);
  }
  secalloc_trim();
}

INSTANTIATE_TEST_SUITE_P(Forks, Copies, testing::Values(&fork, &Fork));

TEST(Fork, WhileAnotherThreadPromotes) {
  const Range range(3);
  std::atomic<bool> stop = false;
  std::thread promoter([&] {
    while (!stop) {
      EXPECT_EQ(range.Advise(SECALLOC_MADV_SECRET), 0);
      EXPECT_EQ(range.Advise(SECALLOC_MADV_NORMAL), 0);
    }
  });
  for (int i = 0; i < 60; ++i) {
    ASSERT_EQ(InChild(i % 2 == 0 ? &fork : &Fork, [&] { return range.IsIntact() ? 0 : 1; }), 0)
        << i;
  }
  stop = true;
  promoter.join();
  EXPECT_TRUE(range.IsIntact());
}

// The kernel copies what was ordinary, and the pool is not there.
TEST(Fork, ChildDoesWithoutThePool) {
  ASSERT_EQ(Range::Advise(nullptr, 4 * kPage, SECALLOC_MADV_RESERVE), 0);
  const Range range(4);
  EXPECT_EQ(InChild(&fork,
                    [&] {
                      if (test::Stats().promotion_pool_bytes != 0 || test::Stats().arena_bytes != 0)
                        return 1;
                      return range.Advise(SECALLOC_MADV_SECRET) == 0 && range.IsIntact() ? 0 : 2;
                    }),
            0);
  secalloc_trim();
}

// Below the caller's frame, where fork(3) will run.
[[gnu::noinline]] char* PromoteStackBelow(size_t pages) {
  char* const frame = static_cast<char*>(__builtin_alloca((pages + 1) * kPage));
  char* const begin =
      reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(frame) + kPage - 1) & ~(kPage - 1));
  memset(begin, 0, pages * kPage);
  EXPECT_EQ(Range::Advise(begin, pages * kPage, SECALLOC_MADV_SECRET | SECALLOC_BY_FAULTS), 0);
  return begin;
}

TEST(Fork, IsRefusedWhereTheChildWouldHaveNoStack) {
  constexpr size_t kPages = 40;
  char* const stack = PromoteStackBelow(kPages);
  EXPECT_EQ(InChild(Fork, [] { return 0; }), test::kNoChild);
  // The frames of this very call are in the way, so not all of it: from below.
  EXPECT_EQ(Range::Advise(stack, kPages * kPage, SECALLOC_MADV_NORMAL | SECALLOC_BY_FAULTS), EBUSY);
  std::thread([&] {
    EXPECT_EQ(Range::Advise(stack, kPages * kPage, SECALLOC_MADV_NORMAL | SECALLOC_BY_FAULTS), 0);
  }).join();
  EXPECT_EQ(InChild(Fork, [] { return 0; }), 0);
}

TEST(RawFork, FaultsAndLeavesTheParentWhole) {
  const Range range(1);
  ASSERT_EQ(range.Advise(SECALLOC_MADV_SECRET), 0);
  EXPECT_EQ(InChild(
                +[] { return static_cast<pid_t>(syscall(SYS_fork)); },
                [&] { return *static_cast<volatile char*>(range.begin()); }),
            -SIGSEGV);
  EXPECT_TRUE(range.IsIntact());
}

TEST(Vfork, AndExecGoOn) {
  const Range range(1);
  ASSERT_EQ(range.Advise(SECALLOC_MADV_SECRET), 0);
  EXPECT_EQ(system("true"), 0);
  EXPECT_TRUE(range.IsIntact());
}

}  // namespace
}  // namespace secure_alloc
