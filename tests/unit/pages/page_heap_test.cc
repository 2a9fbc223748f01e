// What a page heap asks of its sources, and what it hands out.
#include "allocator/pages/page_heap.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <vector>

#include "allocator/pages/sources.h"
#include "allocator/pages/space.h"
#include "tests/unit/pages/fake_source.h"
#include "tests/unit/seed.h"

namespace secure_alloc {
namespace {

using test::FakeSource;

constexpr PageHeapPolicy kPolicy = {
    .first_step = 16, .last_step = 512, .record_pages = 1, .arena_pages = 0, .kept_empty = 0};

class PageHeapTest : public testing::Test {
 protected:
  using Run = secure_alloc::Run;  // Not testing::Test's.

  static void SetUpTestSuite() { ASSERT_TRUE(space.Init()); }
  void SetUp() override { heap_.SetLadder(ladder_, 2); }

  Run Take(unsigned order) {
    Run run;
    int error = 0;
    EXPECT_TRUE(heap_.TryTake(order, &run, &error)) << error;
    return run;
  }
  Run TakeGuarded(Pages count, size_t alignment, bool* guarded) {
    Run run;
    int error = 0;
    EXPECT_TRUE(heap_.TryTakeGuarded(count, alignment, &run, guarded, &error)) << error;
    return run;
  }
  int ErrorOfTake(unsigned order) {
    Run run;
    int error = 0;
    EXPECT_FALSE(heap_.TryTake(order, &run, &error));
    return error;
  }

  test::Refusals refusals_;
  FakeSource first_{Protection::kSecret, &refusals_};
  FakeSource second_{Protection::kLocked, &refusals_};
  const Source* ladder_[2] = {&first_, &second_};
  Budget budget_{64 * kMiB};
  PageHeap heap_{kPolicy, first_, &budget_};
};

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

// --- Arenas leave ------------------------------------------------------------------------

TEST_F(PageHeapTest, EmptyArenasLeaveInAnyOrder) {
  std::array<int, 3> order = {0, 1, 2};
  do {
    const std::array<Run, 3> runs = {Take(4), Take(5), Take(6)};  // An arena each.
    ASSERT_NE(runs[0].arena, runs[1].arena);
    ASSERT_NE(runs[1].arena, runs[2].arena);
    for (const int i : order) {
      const uintptr_t base = runs[static_cast<size_t>(i)].arena->base;
      const size_t left = first_.unmapped().size();
      heap_.Give(runs[static_cast<size_t>(i)]);
      ASSERT_EQ(first_.unmapped().size(), left + 1) << "it leaves when its last page comes back";
      EXPECT_EQ(first_.unmapped().back(), base);
    }
    EXPECT_EQ(first_.mapped_bytes(), 0u);
    EXPECT_EQ(budget_.used(), 0u);
  } while (std::next_permutation(order.begin(), order.end()));
}

// Of many arenas each leaves with its last run, whichever it is: the oldest, too.
TEST_F(PageHeapTest, ArenasLeaveInAnyOrderForAMillionSteps) {
  constexpr size_t kMostRuns = 1500;
  test::Random random(test::Seed());
  std::vector<Run> runs;
  std::map<Arena*, std::pair<int, size_t>> live;  // runs in it; the how-manieth it is
  size_t made = 0, oldest_left = 0, others_left = 0;
  for (int step = 0; step < 1000000 && !HasFailure(); ++step) {
    const bool filling = step / 5000 % 2 == 0;
    // Far enough from the budget, however the chances fall.
    if (random() % 100 < (filling ? 60 : 40) && runs.size() < kMostRuns) {
      runs.push_back(Take(static_cast<unsigned>(std::countr_zero(random() | 128))));
      auto& [count, number] = live[runs.back().arena];
      if (count++ == 0) number = ++made;
      continue;
    }
    if (runs.empty()) continue;
    Run& run = runs[test::Below(random, runs.size())];
    Arena* const arena = run.arena;
    heap_.Give(run);
    run = runs.back();
    runs.pop_back();
    if (--live[arena].first > 0) continue;
    const size_t number = live[arena].second;
    live.erase(arena);
    bool oldest = true;
    for (const auto& [other, state] : live) oldest &= number < state.second;
    ++(oldest ? oldest_left : others_left);
    ASSERT_EQ(heap_.usage().arenas[size_t(Protection::kSecret)].get(), live.size());
  }
  EXPECT_GT(oldest_left, 20u);
  EXPECT_GT(others_left, 200u);
  for (const Run& run : runs) heap_.Give(run);
  EXPECT_EQ(first_.mapped_bytes(), 0u);
}

TEST_F(PageHeapTest, KeepsEmptyArenasUpToItsPolicyAndTrimGivesThemBack) {
  static constexpr PageHeapPolicy kKeeping = {
      .first_step = 16, .last_step = 16, .record_pages = 1, .arena_pages = 0, .kept_empty = 32};
  PageHeap heap(kKeeping, first_, &budget_);
  std::vector<Run> runs(5);
  int error;
  for (Run& run : runs) ASSERT_TRUE(heap.TryTake(4, &run, &error));
  for (const Run& run : runs) heap.Give(run);
  EXPECT_EQ(first_.mapped_bytes(), BytesOf(32));
  EXPECT_EQ(heap.Trim(), BytesOf(32));
  EXPECT_EQ(first_.mapped_bytes(), 0u);
  EXPECT_EQ(budget_.used(), 0u);
}

// Use goes up and down by `swing` runs: how many arenas come each time.
std::vector<size_t> MapsOfSwings(PageHeap& heap, const FakeSource& source, size_t swing,
                                 int times = 100) {
  std::vector<size_t> maps;
  std::vector<secure_alloc::Run> runs(swing);
  int error;
  for (int i = 0; i < times; ++i) {
    const size_t before = source.maps_asked().size();
    for (secure_alloc::Run& run : runs) EXPECT_TRUE(heap.TryTake(4, &run, &error));
    for (const secure_alloc::Run& run : runs) heap.Give(run);
    maps.push_back(source.maps_asked().size() - before);
  }
  return maps;
}

constexpr PageHeapPolicy kSwinging = {
    .first_step = 16, .last_step = 512, .record_pages = 1, .arena_pages = 0, .kept_empty = 64};

TEST_F(PageHeapTest, UseThatGoesUpAndDownDoesNotMapArenasEachTime) {
  for (const size_t base : {0, 4, 16, 40, 63, 100}) {
    for (const size_t swing : {1, 2, 8, 16, 31}) {
      PageHeap heap(kSwinging, first_, &budget_);
      std::vector<Run> runs(base);
      int error;
      for (Run& run : runs) ASSERT_TRUE(heap.TryTake(4, &run, &error));
      const std::vector<size_t> maps = MapsOfSwings(heap, first_, swing);
      const size_t settled = 6;  // 64 pages doubled to 512, and arenas of the lasting size.
      EXPECT_EQ(std::count(maps.begin() + settled, maps.end(), size_t{0}), 100 - settled)
          << "base " << base << ", swing " << swing;
      for (const Run& run : runs) heap.Give(run);
      heap.Trim();
      EXPECT_EQ(first_.mapped_bytes(), 0u);
    }
  }
}

TEST_F(PageHeapTest, WhatItKeepsIsAnEighthOfTheBudgetAtMostUntilItIsTrimmed) {
  budget_.SetLimit(BytesOf(1024));
  PageHeap heap(kSwinging, first_, &budget_);
  MapsOfSwings(heap, first_, 31);
  EXPECT_GT(first_.mapped_bytes(), BytesOf(64)) << "nothing was learnt";
  EXPECT_LE(first_.mapped_bytes(), BytesOf(128));
  heap.Trim();
  EXPECT_EQ(first_.mapped_bytes(), 0u);
  MapsOfSwings(heap, first_, 31, 1);
  EXPECT_LE(first_.mapped_bytes(), BytesOf(64)) << "not forgotten";
}

TEST_F(PageHeapTest, UsageIsWhatTheSourcesGave) {
  const Run a = Take(2);
  first_.RefuseMaps(ENOSYS);
  const Run b = Take(5);
  const PageRecord& usage = heap_.usage();
  EXPECT_EQ(usage.arenas[size_t(Protection::kSecret)].get(), 1u);
  EXPECT_EQ(usage.arenas[size_t(Protection::kLocked)].get(), 1u);
  EXPECT_EQ(usage.mapped_bytes[size_t(Protection::kSecret)].get(), first_.mapped_bytes());
  EXPECT_EQ(usage.mapped_bytes[size_t(Protection::kLocked)].get(), second_.mapped_bytes());
  EXPECT_EQ(usage.used_bytes[size_t(Protection::kSecret)].get(), a.bytes());
  EXPECT_EQ(usage.used_bytes[size_t(Protection::kLocked)].get(), b.bytes());
}

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

// --- Memory of free pages -------------------------------------------------------------------

size_t ResidentPages(const Run& run) {
  std::vector<unsigned char> resident(run.count);
  EXPECT_EQ(mincore(run.address(), run.bytes(), resident.data()), 0);
  return static_cast<size_t>(
      std::count_if(resident.begin(), resident.end(), [](unsigned char page) { return page & 1; }));
}

TEST_F(PageHeapTest, FreePagesOfAnArenaInUseGiveTheirMemoryBack) {
  static constexpr PageHeapPolicy kPurged = {.first_step = 512, .last_step = 512,
                                             .record_pages = 4, .arena_pages = 1024,
                                             .kept_empty = 0, .kept_dirty = 64};
  PageHeap heap(kPurged, plain_source, nullptr);
  std::vector<Run> runs(256);
  int error;
  for (Run& run : runs) {
    ASSERT_TRUE(heap.TryTake(2, &run, &error));
    for (Pages page = 0; page < run.count; ++page) {
      run.address()[BytesOf(page)] = 1;
      run.address()[BytesOf(page)] = 0;
    }
  }
  // A few stay as they are: they will be wanted again.
  for (int i = 0; i < 10; ++i) heap.Give(runs[i]);
  EXPECT_EQ(ResidentPages(runs[0]), 4u);
  for (size_t i = 10; i + 1 < runs.size(); ++i) heap.Give(runs[i]);
  size_t resident = 0;
  for (size_t i = 0; i + 1 < runs.size(); ++i) resident += ResidentPages(runs[i]);
  EXPECT_LE(resident, 64u);
  EXPECT_EQ(ResidentPages(runs.back()), 4u);
  ASSERT_TRUE(heap.TryTake(2, &runs[0], &error));
  EXPECT_EQ(runs[0].address()[0], 0);
  heap.Give(runs[0]);
  heap.Give(runs.back());
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

}  // namespace
}  // namespace secure_alloc
