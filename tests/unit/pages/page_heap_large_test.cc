// Runs for large objects: guarded, aligned, alone, or bare.
#include <errno.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

#include "tests/unit/pages/page_heap_fixture.h"

namespace secure_alloc {
namespace {

using test::FakeSource;
using test::kPolicy;
using test::PageHeapTest;

// --- Large runs --------------------------------------------------------------------------

TEST_F(PageHeapTest, AGuardedRunHasAGuardOnEitherSide) {
  for (const Pages count : {1u, 2u, 3u, 9u, 100u, 510u}) {
    bool guarded = false;
    const Run run = TakeGuarded(count, kPageSize, &guarded);
    ASSERT_TRUE(guarded);
    EXPECT_EQ(run.count, count);
    const uintptr_t begin = Address(run.address());
    EXPECT_TRUE(first_.IsGuarded(begin - kPageSize));
    EXPECT_TRUE(first_.IsGuarded(begin + run.bytes()));
    EXPECT_EQ(first_.guards(), 2u);
    heap_.GiveGuarded(run, guarded);
    EXPECT_EQ(first_.guards(), 0u);
    EXPECT_EQ(first_.mapped_bytes(), 0u);
  }
}

TEST_F(PageHeapTest, ARunThatCannotBeGuardedIsCountedAndHasNoHalfGuard) {
  for (int refused = 0; refused < 2; ++refused) {
    bool guarded;
    const Run prepared = TakeGuarded(6, kPageSize, &guarded);  // So that Guard comes next,
    const Run other = TakeGuarded(6, kPageSize, &guarded);
    heap_.GiveGuarded(prepared, guarded);
    refusals_.first = refusals_.requests + refused;            // once or twice.
    const Run run = TakeGuarded(6, kPageSize, &guarded);
    refusals_.first = -1;
    ASSERT_EQ(Address(run.address()), Address(prepared.address()));
    EXPECT_FALSE(guarded);
    EXPECT_EQ(first_.guards(), 2u) << "those of the other run";
    EXPECT_EQ(heap_.usage().unguarded_runs.get(), static_cast<size_t>(refused) + 1);
    heap_.GiveGuarded(run, guarded);
    heap_.GiveGuarded(other, true);
    EXPECT_EQ(first_.mapped_bytes(), 0u);
  }
}

TEST_F(PageHeapTest, LargeRunsLieAtTheirAlignment) {
  for (size_t alignment = kPageSize; alignment <= 16 * kMiB; alignment *= 2) {
    for (const Pages count : {1u, 7u, 64u, 600u}) {
      bool guarded;
      const Run run = TakeGuarded(count, alignment, &guarded);
      EXPECT_EQ(Address(run.address()) % alignment, 0u);
      EXPECT_EQ(run.count, count);
      EXPECT_TRUE(first_.IsPrepared(Address(run.address()), run.bytes()));
      EXPECT_EQ(space.OwnerOf(Address(run.address())), run.arena);
      EXPECT_EQ(space.OwnerOf(Address(run.address()) + run.bytes() - 1), run.arena);
      heap_.GiveGuarded(run, guarded);
      ASSERT_EQ(first_.mapped_bytes(), 0u) << alignment << " " << count;
    }
  }
}

TEST_F(PageHeapTest, WhatIsLargerThanAnArenaIsAnArenaOfItsOwn) {
  bool guarded;
  const Run run = TakeGuarded(511, kPageSize, &guarded);  // With guards more than the last step.
  EXPECT_TRUE(run.arena->whole);
  EXPECT_EQ(run.first, 0u);
  EXPECT_EQ(first_.mapped_bytes(), BytesOf(511)) << "its guards are space that stays reserved";
  EXPECT_EQ(budget_.used(), BytesOf(511));
  // Its pages, its own margin on either side, inside its spans.
  const uintptr_t begin = Address(run.address()), end = begin + run.bytes();
  EXPECT_GE(begin, run.arena->first_span + kPageSize);
  EXPECT_LE(end + kPageSize, run.arena->first_span + run.arena->spans * kSpanSize);
  heap_.GiveGuarded(run, guarded);
  EXPECT_EQ(first_.unmapped(), std::vector<uintptr_t>{begin});
  EXPECT_EQ(space.OwnerOf(begin), nullptr);
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(PageHeapTest, ABareRunHasNoGuardsAndIsCounted) {
  Run run;
  int error = 0;
  ASSERT_TRUE(heap_.TryTakeBare(10, 64 * kKiB, &run, &error));
  EXPECT_EQ(Address(run.address()) % (64 * kKiB), 0u);
  EXPECT_EQ(first_.guards(), 0u);
  EXPECT_EQ(heap_.usage().unguarded_runs.get(), 1u);
  heap_.Give(run);
  EXPECT_EQ(first_.mapped_bytes(), 0u);
}

}  // namespace
}  // namespace secure_alloc
