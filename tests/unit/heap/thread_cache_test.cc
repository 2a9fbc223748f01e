#include "allocator/heap/thread_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

#include "allocator/heap/standard_heaps.h"
#include "tests/unit/heap/objects.h"
#include "tests/unit/seed.h"

namespace secure_alloc {
namespace {

using test::kBoth;

void* Slot(uintptr_t number) { return reinterpret_cast<void*>(number * 64); }

TEST(CacheBin, AGivenSlotIsNeverLast) {
  RandomBits random;
  random.Stir(test::Seed());
  std::vector<void*> slots(64);
  CacheBin bin = {slots.data(), 0, 64, 64, 4};
  bin.slots[bin.count++] = Slot(1);
  for (uintptr_t number = 2; bin.CanGive(); ++number) {
    void* const last = bin.Last();
    bin.Give(Slot(number), random);
    // What was last moves up or stays; the new slot is below it.
    ASSERT_NE(bin.Last(), Slot(number));
    ASSERT_NE(std::find(slots.begin(), slots.end(), last), slots.end());
  }
  EXPECT_EQ(bin.count, 64);
  EXPECT_EQ(std::set<void*>(slots.begin(), slots.end()).size(), 64u) << "none lost, none twice";
}

TEST(CacheBin, AGivenSlotMayLandInEveryPlaceOfTheWindow) {
  RandomBits random;
  random.Stir(test::Seed());
  std::set<size_t> places;
  for (int i = 0; i < 2000; ++i) {
    std::vector<void*> slots(64);
    CacheBin bin = {slots.data(), 40, 64, 64, 4};
    for (size_t s = 0; s < 40; ++s) slots[s] = Slot(s + 1);
    bin.Give(Slot(100), random);
    places.insert(static_cast<size_t>(std::find(slots.begin(), slots.end(), Slot(100)) - slots.begin()));
  }
  EXPECT_EQ(places.size(), size_t{CacheBin::kWindow});
  EXPECT_EQ(*places.rbegin(), 39u);
}

TEST(CacheBin, EmptyFullAndForeignBinsTakeTheSlowPath) {
  void* slots[8];
  EXPECT_FALSE((CacheBin{slots, 4, 8, 64, 4}.CanTake())) << "the reserve stays";
  EXPECT_TRUE((CacheBin{slots, 5, 8, 64, 4}.CanTake()));
  EXPECT_FALSE((CacheBin{slots, 0, 8, 64, 4}.CanGive())) << "it would be next";
  EXPECT_TRUE((CacheBin{slots, 1, 8, 64, 4}.CanGive()));
  EXPECT_FALSE((CacheBin{slots, 8, 8, 64, 4}.CanGive()));
  for (const CacheBin& bin : no_cache.bins) EXPECT_FALSE(bin.CanTake() || bin.CanGive());
}

class Reuse : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(entry::Start()); }
};

TEST_F(Reuse, AFreedSlotIsNeverTheNextOneHandedOut) {
  for (const entry::Call call : kBoth) {
    for (unsigned c = kFirstClass; c < kClasses; ++c) {
      const size_t size = SlotSizeOf(c) - 1;
      for (int trial = 0; trial < 1000; ++trial) {
        void* const freed = entry::Allocate(size, call);
        entry::Free(freed, call);
        void* const next = entry::Allocate(size, call);
        ASSERT_NE(next, freed) << size << " at trial " << trial;
        entry::Free(next, call);
      }
    }
  }
}

TEST_F(Reuse, HoldsForAThreadsVeryFirstFree) {
  for (const entry::Call call : kBoth) {
    for (int trial = 0; trial < 50; ++trial) {
      void* const foreign = entry::Allocate(100, call);
      void* next = nullptr;
      std::thread([&] {
        entry::Free(foreign, call);  // Into an empty cache.
        next = entry::Allocate(100, call);
        entry::Free(next, call);
      }).join();
      ASSERT_NE(next, foreign);
    }
  }
}

TEST_F(Reuse, AThreadsSlotsGoBackWhenItEnds) {
  for (int i = 0; i < 20; ++i) {
    std::thread([] {
      for (const entry::Call call : kBoth) {
        for (size_t size = 8; size < 30000; size = size * 3 / 2) entry::Free(entry::Allocate(size, call), call);
      }
    }).join();
  }
  entry::Trim();
  for (Heap* const heap : {&ordinary_heap, &secret_heap}) {
    EXPECT_EQ(heap->GetUsage().slab_bytes, 0u);
  }
}

}  // namespace
}  // namespace secure_alloc
