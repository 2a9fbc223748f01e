// Arenas of several files: those in which nothing is in use go back while others stay, and come
// again.
#include <errno.h>

#include <algorithm>
#include <bit>
#include <set>
#include <vector>

#include "tests/unit/pages/page_heap_fixture.h"
#include "tests/unit/seed.h"

namespace secure_alloc::test {
namespace {

constexpr Pages kFile = 16;
constexpr PageHeapPolicy kFiles = {.first_step = 512,
                                   .last_step = 512,
                                   .record_pages = 1,
                                   .arena_pages = 0,
                                   .kept_empty = 0,
                                   .file_pages = kFile};

class FilesTest : public PageHeapTest {
 protected:
  FilesTest() : PageHeapTest(kFiles) {}

  // An arena full of runs of one page, by place.
  std::vector<Run> Fill() {
    std::vector<Run> runs(512);
    for (Run& run : runs) run = Take(0);
    std::sort(runs.begin(), runs.end(),
              [](const Run& one, const Run& other) { return one.first < other.first; });
    EXPECT_EQ(runs.front().arena, runs.back().arena);
    return runs;
  }
  // Of an arena that is full, all but the pages at these places.
  std::vector<Run> FillAndKeep(const std::set<Pages>& kept) {
    std::vector<Run> left;
    for (const Run& run : Fill()) {
      if (kept.count(run.first) != 0) {
        left.push_back(run);
      } else {
        heap_.Give(run);
      }
    }
    return left;
  }
  void ExpectMapped(Pages pages) {
    EXPECT_EQ(first_.mapped_bytes(), BytesOf(pages));
    EXPECT_EQ(budget_.used(), BytesOf(pages));
    EXPECT_EQ(heap_.usage().mapped_bytes[size_t(Protection::kSecret)].get(), BytesOf(pages));
  }
};

TEST_F(FilesTest, TrimGivesBackThoseInWhichNothingIsInUse) {
  const std::vector<Run> kept = FillAndKeep({0, 100, 111, 511});  // in three files
  ExpectMapped(512);
  EXPECT_EQ(heap_.Trim(), BytesOf(512 - 3 * kFile));
  ExpectMapped(3 * kFile);
  EXPECT_EQ(heap_.Trim(), 0u) << "twice";
  for (const Run& run : kept) {
    EXPECT_TRUE(first_.IsPrepared(Address(run.address()), run.bytes()));
    heap_.Give(run);
  }
  ExpectMapped(0);
}

TEST_F(FilesTest, GrowthBeginsWithThem) {
  const std::vector<Run> kept = FillAndKeep({0, 100});
  heap_.Trim();
  // What is there comes first, then a file, then two, side by side.
  const Run small = Take(3);
  ExpectMapped(2 * kFile);
  const Run file = Take(4);
  ExpectMapped(3 * kFile);
  const Run files = Take(5);
  ExpectMapped(5 * kFile);
  for (const Run& run : {small, file, files}) {
    EXPECT_EQ(run.arena, kept[0].arena);
    EXPECT_TRUE(first_.IsPrepared(Address(run.address()), run.bytes()));
  }
  // No such room is in there any more.
  const Run large = Take(9);
  EXPECT_NE(large.arena, kept[0].arena);
  ExpectMapped(5 * kFile + 512);
  for (const Run& run : {kept[0], kept[1], small, file, files, large}) heap_.Give(run);
  ExpectMapped(0);
}

TEST_F(FilesTest, WhatIsRefusedStaysAway) {
  const std::vector<Run> kept = FillAndKeep({0});
  heap_.Trim();
  first_.RefuseMaps(EAGAIN);
  second_.RefuseMaps(ENOMEM);
  EXPECT_EQ(ErrorOfTake(5), EAGAIN);
  ExpectMapped(kFile);
  first_.RefuseMaps(0);
  heap_.Give(Take(3));  // Of what there is; what was refused may be there again.
  budget_.SetLimit(BytesOf(2 * kFile));
  EXPECT_EQ(ErrorOfTake(5), EAGAIN) << "half of it is in the budget";
  ExpectMapped(kFile);
  heap_.Give(Take(3));
  budget_.SetLimit(BytesOf(3 * kFile));
  const Run run = Take(5);
  EXPECT_EQ(run.arena, kept[0].arena);
  heap_.Give(run);
  heap_.Give(kept[0]);
  ExpectMapped(0);
}

// Each file whose place can not be reserved again is lost: one is enough. Others go when they can.
TEST_F(FilesTest, NobodyComesWhereSomethingStayed) {
  const std::vector<Run> kept = FillAndKeep({0});
  first_.Litter();
  EXPECT_EQ(heap_.Trim(), BytesOf(kFile));
  ExpectMapped(512 - kFile);
  const uintptr_t lost = first_.unmapped().back();
  first_.Litter(false);
  EXPECT_EQ(heap_.Trim(), BytesOf(512 - 2 * kFile));
  ExpectMapped(kFile);
  std::vector<Run> runs;
  for (int i = 0; i < static_cast<int>(512 / kFile); ++i) {
    runs.push_back(Take(4));
    EXPECT_NE(Address(runs.back().address()), lost);
  }
  EXPECT_NE(runs.back().arena, kept[0].arena);
  for (const Run& run : runs) heap_.Give(run);
  heap_.Give(kept[0]);
  ExpectMapped(0);
}

TEST_F(FilesTest, WhatIsReservedStays) {
  ASSERT_EQ(heap_.Reserve(512), 0);
  const Run run = Take(0);
  EXPECT_EQ(heap_.Trim(), 0u);
  ExpectMapped(512);
  heap_.Give(run);
}

TEST_F(FilesTest, ArenasBeyondALimitAreOfOneFile) {
  budget_.SetLimit(BytesOf(512 * 200));
  std::vector<Run> runs;
  for (int i = 0; i < 200; ++i) runs.push_back(Take(9));
  // Of 4096 files at most: 128 arenas.
  std::set<Pages> lengths;
  size_t files = 0;
  for (const Pages pages : first_.maps_asked()) {
    lengths.insert(pages);
    files += pages == kFile;
  }
  EXPECT_EQ(lengths, (std::set<Pages>{kFile, 512}));
  EXPECT_EQ(files, 4096u);
  for (const Run& run : runs) heap_.Give(run);
  ExpectMapped(0);
  first_.ForgetMaps();
  heap_.Give(Take(9));
  EXPECT_EQ(first_.maps_asked().size(), 512 / kFile) << "not counted back";
}

// The source finds fault with pages that are mapped twice, or handed out unmapped.
TEST_F(FilesTest, ComeAndGoForManySteps) {
  Random random(Seed());
  budget_.SetLimit(BytesOf(3000));
  std::vector<Run> runs;
  std::set<uintptr_t> pages;
  size_t trimmed = 0;
  for (int step = 0; step < 200000 && !HasFailure(); ++step) {
    const bool filling = step / 3000 % 2 == 0;
    if (random() % 200 == 0) {
      trimmed += heap_.Trim();
      ASSERT_EQ(first_.mapped_bytes(), budget_.used());
    } else if (random() % 100 < (filling ? 60 : 35)) {
      Run run;
      int error;
      if (!heap_.TryTake(static_cast<unsigned>(std::countr_zero(random() | 128)), &run, &error)) {
        ASSERT_EQ(error, EAGAIN);
        continue;
      }
      ASSERT_TRUE(first_.IsMapped(Address(run.address()), run.bytes()));
      ASSERT_TRUE(first_.IsPrepared(Address(run.address()), run.bytes()));
      for (Pages i = 0; i < run.count; ++i) {
        ASSERT_TRUE(pages.insert(Address(run.address()) + BytesOf(i)).second) << "given twice";
      }
      runs.push_back(run);
    } else if (!runs.empty()) {
      Run& run = runs[Below(random, runs.size())];
      for (Pages i = 0; i < run.count; ++i) pages.erase(Address(run.address()) + BytesOf(i));
      heap_.Give(run);
      run = runs.back();
      runs.pop_back();
    }
  }
  EXPECT_GT(trimmed, BytesOf(3000));
  for (const Run& run : runs) heap_.Give(run);
  heap_.Trim();
  ExpectMapped(0);
}

}  // namespace
}  // namespace secure_alloc::test
