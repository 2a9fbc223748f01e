// What is idle goes back before others need more.
#include <gtest/gtest.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <vector>

#include "allocator/heap/standard_heaps.h"
#include "allocator/os/os.h"
#include "tests/unit/heap/objects.h"
#include "tests/unit/huge_pages.h"

namespace secure_alloc {
namespace {

using test::kPublic;
using test::Object;

constexpr size_t kSize = 6000, kCount = 2000;

bool IsResident(const void* address) {
  unsigned char in_core = 0;
  void* const page = reinterpret_cast<void*>(RoundDown(Address(address), os::PageSize()));
  return mincore(page, 1, &in_core) == 0 && (in_core & 1) != 0;
}

long PageFaults() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

class Purge : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(entry::Start());
    entry::Trim();
  }

  void LeaveOneIn(size_t parts, size_t count = kCount) {
    std::vector<Object> all;
    for (size_t i = 0; i < count; ++i) {
      bool was_zero = false;
      all.push_back(test::Make(kSize, i, kPublic, &was_zero));
      ASSERT_NE(all.back().bytes, nullptr);
      ASSERT_TRUE(was_zero);
    }
    for (size_t i = 0; i < count; ++i) {
      if (i % parts == 0) {
        left_.push_back(all[i]);
      } else {
        freed_.push_back(all[i].bytes);
        entry::Free(all[i].bytes, kPublic);
      }
    }
  }
  size_t ResidentFreed() const {
    size_t count = 0;
    for (const unsigned char* object : freed_) count += IsResident(object + kSize / 2);
    return count;
  }
  void TearDown() override {
    for (const Object& object : left_) {
      EXPECT_TRUE(object.IsIntact());
      entry::Free(object.bytes, kPublic);
    }
  }

  std::vector<Object> left_;
  std::vector<unsigned char*> freed_;
};

TEST_F(Purge, WhatFewObjectsKeepGoesBack) {
  LeaveOneIn(8);
  EXPECT_LT(ResidentFreed(), freed_.size() / 2);
}

// Or khugepaged makes whole huge pages of what is left in them.
TEST_F(Purge, WhatGaveMemoryBackAsksForNoHugePages) {
  if (!test::KernelHasHugePages()) GTEST_SKIP() << "this kernel has no huge pages";
  LeaveOneIn(2, 5 * kCount);  // Nearly every slab keeps some; the last ones are in huge pages.
  for (size_t i = 0; i < left_.size(); i += 50) {
    ASSERT_FALSE(test::AsksForHugePages(left_[i].bytes)) << i;
  }
}

TEST_F(Purge, WhatWentBackServesAgain) {
  LeaveOneIn(8);
  for (size_t i = 0; i < kCount; ++i) {
    bool was_zero = false;
    left_.push_back(test::Make(kSize, i, kPublic, &was_zero));
    EXPECT_TRUE(was_zero);
  }
}

#ifndef __SANITIZE_ADDRESS__  // Whose own objects are page faults, too.
TEST_F(Purge, ObjectsThatComeAndGoKeepTheirPages) {
  LeaveOneIn(8);
  const auto turn = [] {
    std::vector<void*> objects;
    for (size_t i = 0; i < 20; ++i) objects.push_back(entry::Allocate(kSize, kPublic));
    for (void* object : objects) entry::Free(object, kPublic);
  };
  for (int i = 0; i < 100; ++i) turn();
  const long before = PageFaults();
  for (int i = 0; i < 1000; ++i) turn();
  EXPECT_LT(PageFaults() - before, 100);
}
#endif

TEST_F(Purge, LargeRunsThatWaitGiveWayToSlabs) {
  bool was_zero = false;
  const Object large = test::Make(6 * kMiB, 1, kPublic, &was_zero);
  entry::Free(large.bytes, kPublic);
  ASSERT_TRUE(IsResident(large.bytes)) << "it waits";
  for (size_t bytes = 0; bytes < 16 * kMiB; bytes += kSize) {
    left_.push_back(test::Make(kSize, bytes, kPublic, &was_zero));
  }
  EXPECT_FALSE(IsResident(large.bytes));
}

// Small objects that come and go for some time, more at once than a thread keeps.
void GoOnWithOthers() {
  for (int period = 0; period < 3; ++period) {
    for (int i = 0; i < 300; ++i) {
      std::vector<void*> objects;
      for (int j = 0; j < 2000; ++j) objects.push_back(entry::Allocate(200, kPublic));
      for (void* object : objects) entry::Free(object, kPublic);
    }
    usleep(60 * 1000);
  }
}

TEST_F(Purge, LargeRunsDoNotWaitForEver) {
  bool was_zero = false;
  const Object large = test::Make(6 * kMiB, 1, kPublic, &was_zero);
  entry::Free(large.bytes, kPublic);
  ASSERT_TRUE(IsResident(large.bytes));
  GoOnWithOthers();
  EXPECT_FALSE(IsResident(large.bytes));
}

// As threads see that read the clock, and get the lock in the other order.
TEST_F(Purge, AnEarlierTimeMakesNoRunStale) {
  bool was_zero = false;
  const Object large = test::Make(6 * kMiB, 1, kPublic, &was_zero);
  entry::Free(large.bytes, kPublic);
  const uint64_t now = os::Milliseconds();
  ordinary_heap.large().GiveBackStale(now + 4);
  ASSERT_TRUE(IsResident(large.bytes)) << "it has not waited yet";
  ordinary_heap.large().GiveBackStale(now);
  EXPECT_TRUE(IsResident(large.bytes));
}

// Bytes of memory that this process has.
size_t ResidentBytes() {
  size_t pages = 0;
  FILE* const file = fopen("/proc/self/statm", "r");
  EXPECT_TRUE(file != nullptr && fscanf(file, "%*u %zu", &pages) == 1);
  fclose(file);
  return pages * os::PageSize();
}

#ifndef __SANITIZE_ADDRESS__  // Whose shadow is memory, too.
TEST_F(Purge, WhatWasNeverWrittenToTakesNoMemoryWhenItIsFreed) {
  constexpr size_t kObjects = 8;
  for (const size_t size : {size_t{30000}, 3 * kMiB}) {
    size_t more = 0;
    for (int round = 0; round < 2; ++round) {  // The first brings code and tables into memory.
      entry::Trim();
      const size_t before = ResidentBytes();
      std::vector<char*> objects;
      for (size_t i = 0; i < kObjects; ++i) {
        objects.push_back(static_cast<char*>(entry::Allocate(size, kPublic)));
        ASSERT_NE(objects.back(), nullptr);
        objects.back()[0] = 1;
      }
      for (char* object : objects) entry::Free(object, kPublic);
      more = ResidentBytes() - before;
    }
    EXPECT_LT(more, kObjects * size * 3 / 4) << size;
  }
}
#endif

// A class of sizes that has had its day gives back what it had, though nobody asks for it or
// frees any of it again.
TEST_F(Purge, SlotsDoNotWaitForEver) {
  std::vector<unsigned char*> freed;
  bool was_zero = false;
  for (size_t i = 0; i < 60; ++i) freed.push_back(test::Make(kSize, i, kPublic, &was_zero).bytes);
  for (size_t i = 0; i < 60; i += 10) {  // Each slab keeps one.
    left_.push_back({freed[i], kSize, i});
    freed[i] = nullptr;
  }
  std::erase(freed, nullptr);
  for (void* object : freed) entry::Free(object, kPublic);
  freed_ = freed;
  ASSERT_GT(ResidentFreed(), freed_.size() / 2) << "too few to be worth it at once";
  GoOnWithOthers();
  EXPECT_LT(ResidentFreed(), freed_.size() / 2);
}

// Once it was much, for a short time; who goes on with little keeps little.
TEST_F(Purge, LargeRunsThatWaitAreNoMoreThanWasLiveOfLate) {
  std::vector<void*> many;
  for (int i = 0; i < 40; ++i) many.push_back(entry::Allocate(kMiB, kPublic));
  for (void* object : many) entry::Free(object, kPublic);
  const auto turn = [](unsigned milliseconds) {
    for (unsigned i = 0; i < milliseconds; ++i) {
      usleep(1000);
      for (int j = 0; j < 4; ++j) entry::Free(entry::Allocate(100000, kPublic), kPublic);
    }
  };
  turn(200);
  std::set<const void*> freed;
  for (size_t i = 0; i < 20; ++i) {
    bool was_zero = false;
    // Each longer, so that none serves again.
    const Object object = test::Make(kMiB + i * 100000, i, kPublic, &was_zero);
    entry::Free(object.bytes, kPublic);
    freed.insert(object.bytes);
  }
  EXPECT_LE(std::count_if(freed.begin(), freed.end(), IsResident), 5);
}

}  // namespace
}  // namespace secure_alloc
