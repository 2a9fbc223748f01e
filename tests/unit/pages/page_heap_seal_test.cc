// What stays once arenas, or growth, are sealed.
#include <errno.h>
#include <gtest/gtest.h>

#include <vector>

#include "allocator/os/lockdown.h"
#include "tests/unit/pages/page_heap_fixture.h"

namespace secure_alloc {
namespace {

using test::PageHeapTest;

constexpr PageHeapPolicy kKeeping = {
    .first_step = 16, .last_step = 512, .record_pages = 1, .arena_pages = 0, .kept_empty = 64};
constexpr Pages kWhole = 600;  // More than an arena of others.

class SealTest : public PageHeapTest {
 protected:
  SealTest() : PageHeapTest(kKeeping) {}

  // One arena is idle, one in use.
  Run LeaveOneIdle() {
    const Run idle = Take(4), used = Take(4);
    EXPECT_NE(idle.arena, used.arena);
    heap_.Give(idle);
    EXPECT_TRUE(idle.arena->idle());
    return used;
  }
  std::vector<Pages> StepsOfRefusedGrowth() {
    first_.RefuseMaps(EAGAIN);
    second_.RefuseMaps(EAGAIN);
    first_.ForgetMaps();
    EXPECT_EQ(ErrorOfTake(6), EAGAIN);
    return first_.maps_asked();
  }
  void ExpectNothingLeaves(size_t mapped) {
    EXPECT_EQ(heap_.Trim(), 0u);
    EXPECT_TRUE(first_.unmapped().empty());
    EXPECT_EQ(first_.mapped_bytes(), mapped);
  }
};

TEST_F(SealTest, IdleArenasMakeRoomBeforeGrowthIsRefused) {
  LeaveOneIdle();
  EXPECT_EQ(StepsOfRefusedGrowth(), (std::vector<Pages>{64, 64}));
  EXPECT_EQ(first_.unmapped().size(), 1u);
}

// They stay: there is nothing to try again for.
TEST_F(SealTest, SealedArenasAreNoRoomThatCouldBeMade) {
  if (!os::CanSeal()) GTEST_SKIP() << "SKIP: kernel: no mseal(2) before Linux 6.10";
  const Run used = LeaveOneIdle();
  ASSERT_EQ(heap_.SealArenas(), 0);
  EXPECT_EQ(StepsOfRefusedGrowth(), (std::vector<Pages>{64}));
  heap_.Give(used);
  ExpectNothingLeaves(first_.mapped_bytes());
}

TEST_F(SealTest, WhatIsFreedOfSealedArenasStays) {
  if (!os::CanSeal()) GTEST_SKIP() << "SKIP: kernel: no mseal(2) before Linux 6.10";
  bool is_one_guarded, is_whole_guarded;
  const Run one = TakeGuarded(2, kPageSize, &is_one_guarded);
  const Run whole = TakeGuarded(kWhole, kPageSize, &is_whole_guarded);
  ASSERT_TRUE(whole.arena->whole);
  const size_t mapped = first_.mapped_bytes();
  ASSERT_EQ(heap_.SealArenas(), 0);
  heap_.GiveGuarded(one, is_one_guarded);
  heap_.GiveGuarded(whole, is_whole_guarded);
  EXPECT_EQ(first_.guards(), 2u);
  ExpectNothingLeaves(mapped);
}

TEST_F(SealTest, WhatIsFreedAfterGrowthIsSealedStays) {
  const Run idle = Take(4), full = Take(5);  // An arena each.
  heap_.Give(idle);
  bool is_guarded;
  const Run whole = TakeGuarded(kWhole, kPageSize, &is_guarded);
  ASSERT_TRUE(whole.arena->whole);
  const size_t mapped = first_.mapped_bytes();
  heap_.SealGrowth();
  heap_.GiveGuarded(whole, is_guarded);
  heap_.Give(full);
  EXPECT_TRUE(full.arena->empty());
  ExpectNothingLeaves(mapped);
  EXPECT_EQ(ErrorOfTake(9), EPERM);
}

}  // namespace
}  // namespace secure_alloc
