// What a page heap asks of its sources, and what it hands out.
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

// --- Growth --------------------------------------------------------------------------

TEST_F(PageHeapTest, ArenasDoubleUpToTheLastStep) {
  std::vector<Run> runs;
  for (int i = 0; i < 2000; ++i) runs.push_back(Take(0));
  EXPECT_EQ(first_.maps_asked(), (std::vector<Pages>{16, 32, 64, 128, 256, 512, 512, 512}));
  for (const Run& run : runs) heap_.Give(run);
}

TEST_F(PageHeapTest, PagesArePreparedBeforeTheyAreHandedOut) {
  for (unsigned order = 0; order < 9; ++order) {
    const Run run = Take(order);
    EXPECT_EQ(run.count, 1u << order);
    EXPECT_TRUE(first_.IsPrepared(Address(run.address()), run.bytes()));
    heap_.Give(run);
  }
}

TEST_F(PageHeapTest, AsksForHalfAgainAndAgainBeforeTheNextSource) {
  for (int i = 0; i < 3; ++i) (void)Take(4);  // Of 16, 32 and 64 pages: 7 such runs.
  for (int i = 0; i < 4; ++i) (void)Take(4);
  const size_t before = first_.maps_asked().size();
  first_.RefuseMaps(EAGAIN);
  const Run run = Take(2);
  const std::vector<Pages> asked(first_.maps_asked().begin() + static_cast<long>(before),
                                 first_.maps_asked().end());
  EXPECT_EQ(asked, (std::vector<Pages>{128, 64, 32, 16, 8, 4}));
  EXPECT_EQ(run.arena->source, &second_);
  EXPECT_EQ(heap_.usage().fallback_arenas.get(), 1u);
  EXPECT_EQ(heap_.fallback_error(), EAGAIN);
}

TEST_F(PageHeapTest, DoesNotAskForLessWhenThereIsNone) {
  for (const int error : {ENOSYS, EPERM, EMFILE}) {
    FakeSource first(Protection::kSecret, &refusals_);
    FakeSource second(Protection::kLocked, &refusals_);
    const Source* const ladder[] = {&first, &second};
    PageHeap heap(kPolicy, first, &budget_);
    heap.SetLadder(ladder, 2);
    first.RefuseMaps(error);
    Run run;
    int first_error = 0;
    ASSERT_TRUE(heap.TryTake(0, &run, &first_error));
    EXPECT_EQ(first.maps_asked().size(), 1u);
    EXPECT_EQ(run.arena->source, &second);
    EXPECT_EQ(heap.fallback_error(), error);
    heap.Give(run);
  }
}

TEST_F(PageHeapTest, SaysWhatTheFirstSourceSaidWhenAllRefuse) {
  first_.RefuseMaps(ENOSYS);
  second_.RefuseMaps(EPERM);
  EXPECT_EQ(ErrorOfTake(0), ENOSYS);
  EXPECT_EQ(heap_.usage().fallback_arenas.get(), 0u);
  EXPECT_EQ(budget_.used(), 0u);
}

TEST_F(PageHeapTest, WithoutALadderNothingElseIsTried) {
  heap_.SetLadder(ladder_, 1);
  first_.RefuseMaps(ENOSYS);
  EXPECT_EQ(ErrorOfTake(0), ENOSYS);
  EXPECT_TRUE(second_.maps_asked().empty());
}

TEST_F(PageHeapTest, AnArenaWhosePagesCannotBeMadeReadyIsNotMade) {
  first_.RefusePrepare(EFAULT);
  const Run run = Take(0);
  EXPECT_EQ(run.arena->source, &second_);
  EXPECT_EQ(first_.mapped_bytes(), 0u);
  EXPECT_EQ(budget_.used(), second_.mapped_bytes());
}

TEST_F(PageHeapTest, NeverChargesMoreThanTheBudget) {
  budget_.SetLimit(BytesOf(40));
  std::vector<Run> runs;
  Run run;
  int error = 0;
  while (heap_.TryTake(0, &run, &error)) runs.push_back(run);
  EXPECT_EQ(error, EAGAIN);
  EXPECT_EQ(runs.size(), 40u) << "all of the budget is of use";
  EXPECT_EQ(budget_.used(), BytesOf(40));
  for (const Run& taken : runs) heap_.Give(taken);
  EXPECT_EQ(budget_.used(), 0u);
}

// --- Refusals --------------------------------------------------------------------------

TEST_F(PageHeapTest, DoesNotAskAgainForWhatWasJustRefused) {
  first_.RefuseMaps(EAGAIN);
  second_.RefuseMaps(ENOMEM);
  EXPECT_EQ(ErrorOfTake(3), EAGAIN);
  const size_t asked = first_.maps_asked().size();
  for (int i = 0; i < 40; ++i) EXPECT_EQ(ErrorOfTake(3 + i % 2), EAGAIN);
  EXPECT_EQ(first_.maps_asked().size(), asked);
  EXPECT_EQ(ErrorOfTake(2), EAGAIN);
  EXPECT_GT(first_.maps_asked().size(), asked) << "less might be had";
}

TEST_F(PageHeapTest, DoesNotAskAgainWhereOnlyTheFaultIsRefused) {
  heap_.SetLadder(ladder_, 1);
  first_.RefusePrepare(EFAULT);
  EXPECT_EQ(ErrorOfTake(0), EFAULT);
  const size_t asked = first_.maps_asked().size();
  for (int i = 0; i < 40; ++i) EXPECT_EQ(ErrorOfTake(0), EFAULT);
  EXPECT_EQ(first_.maps_asked().size(), asked) << "an arena that was never made gave nothing back";
}

TEST_F(PageHeapTest, AsksAgainAfterAWhile) {
  first_.RefuseMaps(ENOSYS);
  second_.RefuseMaps(ENOSYS);
  EXPECT_EQ(ErrorOfTake(0), ENOSYS);
  first_.RefuseMaps(0);
  Run run;
  int error = 0, refused = 0;
  while (!heap_.TryTake(0, &run, &error)) ASSERT_LT(++refused, 1000);
  EXPECT_GT(refused, 0);
}

TEST_F(PageHeapTest, AsksAgainWhenPagesCameBack) {
  const Run held = Take(4);
  first_.RefuseMaps(EAGAIN);
  second_.RefuseMaps(EAGAIN);
  EXPECT_EQ(ErrorOfTake(5), EAGAIN);
  first_.RefuseMaps(0);
  heap_.Give(held);
  (void)Take(5);
}

TEST_F(PageHeapTest, AsksAgainWhenAWholeArenaCameBack) {
  budget_.SetLimit(BytesOf(1000));
  bool guarded;
  const Run whole = TakeGuarded(990, kPageSize, &guarded);
  EXPECT_EQ(ErrorOfTake(5), EAGAIN);
  heap_.GiveGuarded(whole, guarded);
  (void)Take(5);
}

TEST_F(PageHeapTest, IdleArenasMakeRoomForARequestThatDoesNotFitThem) {
  static constexpr PageHeapPolicy kKeeping = {
      .first_step = 16, .last_step = 512, .record_pages = 1, .arena_pages = 0, .kept_empty = 64};
  Budget budget(BytesOf(64));
  PageHeap heap(kKeeping, first_, &budget);
  Run small[3], large;
  int error = 0;
  for (Run& run : small) ASSERT_TRUE(heap.TryTake(4, &run, &error));
  for (const Run& run : small) heap.Give(run);
  EXPECT_TRUE(heap.TryTake(6, &large, &error)) << "every page is free, and the budget is idle";
}

TEST_F(PageHeapTest, AnEmptyArenaIsTriedAgainAfterItsPagesWereRefused) {
  static constexpr PageHeapPolicy kKeeping = {
      .first_step = 16, .last_step = 512, .record_pages = 1, .arena_pages = 0, .kept_empty = 64};
  Budget budget(BytesOf(16));
  PageHeap heap(kKeeping, first_, &budget);
  Run run;
  int error = 0;
  ASSERT_TRUE(heap.TryTake(0, &run, &error));
  heap.Give(run);
  first_.RefusePrepare(EFAULT);  // As when another process has spent the user's limit,
  ASSERT_FALSE(heap.TryTake(4, &run, &error));
  first_.RefusePrepare(0);       // and gives it back.
  int refused = 0;
  while (!heap.TryTake(4, &run, &error)) ASSERT_LT(++refused, 1000) << "never again";
}

// --- Choice ------------------------------------------------------------------------------

TEST_F(PageHeapTest, RunsComeFromTheFullestArenaThatHasOne) {
  std::map<Arena*, std::vector<Run>> runs;
  for (int i = 0; i < 16 + 32 + 64; ++i) {
    const Run run = Take(0);
    runs[run.arena].push_back(run);
  }
  ASSERT_EQ(runs.size(), 3u) << "all full";
  std::vector<std::pair<Arena*, int>> free = {{nullptr, 3}, {nullptr, 6}, {nullptr, 9}};
  for (auto& [arena, count] : free) {
    arena = runs.begin()->first;
    for (int i = 0; i < count; ++i) heap_.Give(runs[arena][static_cast<size_t>(i)]);
    runs.erase(arena);
  }
  for (const auto& [arena, count] : free) {
    for (int i = 0; i < count; ++i) EXPECT_EQ(Take(0).arena, arena) << count;
  }
}

TEST_F(PageHeapTest, WhatIsReservedIsUsedBeforeTheFullest) {
  (void)Take(0);
  ASSERT_EQ(heap_.Reserve(64), 0);
  const Run run = Take(0);
  EXPECT_TRUE(run.arena->reserved);
}

TEST_F(PageHeapTest, TheBetterProtectedIsUsedBeforeTheFullest) {
  first_.RefuseMaps(EAGAIN);
  (void)Take(0);
  (void)Take(1);
  first_.RefuseMaps(0);
  ASSERT_EQ(Take(5).arena->source, &first_);  // Longer than what is left there.
  EXPECT_EQ(Take(0).arena->source, &second_) << "there is no other";
  heap_.Give(Take(5));
  const Run wide = Take(5);
  (void)Take(3);
  heap_.Give(wide);
  EXPECT_EQ(Take(0).arena->source, &first_);
}

// --- Arenas that grow in place -------------------------------------------------------------

TEST_F(PageHeapTest, AnArenaThatGrowsInPlaceIsFilledBeforeTheNext) {
  static constexpr PageHeapPolicy kInPlace = {
      .first_step = 64, .last_step = 256, .record_pages = 4, .arena_pages = 1024, .kept_empty = 0};
  PageHeap heap(kInPlace, first_, nullptr);
  Run run;
  int error;
  for (int i = 0; i < 1024 / 4; ++i) ASSERT_TRUE(heap.TryTake(2, &run, &error));
  EXPECT_EQ(heap.usage().arenas[size_t(Protection::kSecret)].get(), 1u);
  ASSERT_TRUE(heap.TryTake(2, &run, &error));
  EXPECT_EQ(heap.usage().arenas[size_t(Protection::kSecret)].get(), 2u);
}

// What is ready can be had again, and what is not counts as in use.
TEST_F(PageHeapTest, SealedGrowthHandsOutWhatIsReady) {
  const Run run = Take(2);
  const size_t mapped = first_.mapped_bytes();
  ASSERT_GT(mapped, run.bytes());
  heap_.SealGrowth();
  const auto used = [this] { return heap_.usage().used_bytes[size_t(Protection::kSecret)].get(); };
  EXPECT_EQ(used(), mapped);
  for (Pages page = 0; page < run.arena->grown; ++page) {
    EXPECT_EQ(KindOf(run.arena->info[page]), PageKind::kAllocated);
  }
  heap_.Give(run);
  EXPECT_EQ(used(), mapped - run.bytes());
  std::vector<Run> pages;
  for (Pages i = 0; i < run.count; ++i) pages.push_back(Take(0));
  EXPECT_EQ(ErrorOfTake(0), EPERM);
  for (const Run& page : pages) heap_.Give(page);
  first_.ForgetMaps();
  EXPECT_EQ(heap_.Reserve(1), EPERM);
  EXPECT_TRUE(first_.maps_asked().empty());
}

}  // namespace
}  // namespace secure_alloc
