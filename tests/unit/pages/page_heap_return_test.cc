// What a page heap gives back, and when.
#include <errno.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <bit>
#include <map>
#include <string>
#include <vector>

#include "allocator/pages/sources.h"
#include "tests/unit/huge_pages.h"
#include "tests/unit/pages/page_heap_fixture.h"
#include "tests/unit/seed.h"

namespace secure_alloc {
namespace {

using test::FakeSource;
using test::kPolicy;
using test::PageHeapTest;

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

TEST_F(PageHeapTest, NobodyComesWhereSomethingStayed) {
  const Run run = Take(4);
  const uintptr_t span = run.arena->first_span;
  heap_.Give(run);
  const Run again = Take(4);
  ASSERT_EQ(again.arena->first_span, span) << "or this means nothing";
  first_.Litter();
  heap_.Give(again);
  EXPECT_EQ(budget_.used(), 0u);
  EXPECT_EQ(space.OwnerOf(span), nullptr);
  const Run next = Take(4);
  EXPECT_NE(next.arena->first_span, span);
  heap_.Give(next);
}

// The library's sources have no types at run time for a sanitizer to ask about.
__attribute__((no_sanitize("vptr"))) int MapSecret(void* pages, size_t length) {
  return secret_source.Map(pages, length);
}
__attribute__((no_sanitize("vptr"))) bool UnmapSecret(void* pages, size_t length) {
  return secret_source.Unmap(pages, length);
}

// With more address space in use than the limit allows by now.
TEST_F(PageHeapTest, SecretPagesStayWhereTheirPlaceCannotBeReserved) {
  constexpr size_t kLength = kMiB;
  const uintptr_t span = space.TakeSpans(1, false);
  char* const pages = reinterpret_cast<char*>(span);
  const int error = MapSecret(pages, kLength);
  if (error == ENOSYS) GTEST_SKIP() << "SKIP: kernel: no memfd_secret(2)";
  ASSERT_EQ(error, 0);
  rlimit old;
  ASSERT_EQ(getrlimit(RLIMIT_AS, &old), 0);
  const rlimit little = {kLength, old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_AS, &little), 0);
  const bool is_free = UnmapSecret(pages, kLength);
  ASSERT_EQ(setrlimit(RLIMIT_AS, &old), 0);
  EXPECT_FALSE(is_free);
  unsigned char in_core[kLength / kPageSize];
  EXPECT_EQ(mincore(pages, kLength, in_core), 0) << "nobody's mapping can come to lie there";
  ASSERT_EQ(MapSecret(pages, kLength), 0);
  pages[0] = 1;
  pages[0] = 0;
  EXPECT_TRUE(UnmapSecret(pages, kLength));
  space.GiveSpans(span, 1);
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

// --- Memory of free pages -------------------------------------------------------------------

size_t ResidentPages(const Run& run) {
  std::vector<unsigned char> resident(run.count);
  EXPECT_EQ(mincore(run.address(), run.bytes(), resident.data()), 0);
  return static_cast<size_t>(
      std::count_if(resident.begin(), resident.end(), [](unsigned char page) { return page & 1; }));
}

constexpr PageHeapPolicy kPurged = {.first_step = 512, .last_step = 512, .record_pages = 4,
                                    .arena_pages = 1024, .kept_empty = 0, .kept_dirty = 64};

// Or khugepaged makes whole huge pages of what is left in them.
TEST_F(PageHeapTest, WhatGaveMemoryBackAsksForNoHugePages) {
  if (!test::KernelHasHugePages()) GTEST_SKIP() << "this kernel has no huge pages";
  PageHeap heap(kPurged, plain_source, nullptr);
  std::vector<Run> runs(256);
  int error;
  for (Run& run : runs) ASSERT_TRUE(heap.TryTake(2, &run, &error));
  EXPECT_TRUE(test::AsksForHugePages(runs.back().address()));
  for (size_t i = 0; i + 1 < runs.size(); ++i) heap.Give(runs[i]);
  EXPECT_FALSE(test::AsksForHugePages(runs.back().address()));
  heap.Give(runs.back());
}

TEST_F(PageHeapTest, FreePagesOfAnArenaInUseGiveTheirMemoryBack) {
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

}  // namespace
}  // namespace secure_alloc
