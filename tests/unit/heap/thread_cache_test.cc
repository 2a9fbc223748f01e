#include "allocator/heap/thread_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>
#include <thread>

#include "allocator/heap/standard_heaps.h"
#include "tests/unit/heap/objects.h"
#include "tests/unit/seed.h"

namespace secure_alloc {
namespace {

using test::kBoth;

constexpr unsigned kReserve = 4, kCapacity = 64;

void* Slot(uintptr_t number) { return reinterpret_cast<void*>(number * 64); }

// A bin with slots 1 to `count`, as a thread cache has it.
struct TestBin : CacheBin {
  explicit TestBin(unsigned count) {
    floor = slots.data() + kReserve;
    room = kCapacity - kReserve;
    last_of_reserve = kReserve - 1;
    SetCount(count);
    for (unsigned i = 0; i < count; ++i) slots[i] = Slot(i + 1);
  }
  std::array<void*, kCapacity + 8> slots = {};
};

TEST(CacheBin, AGivenSlotIsNeverNext) {
  RandomBits random;
  random.Stir(test::Seed());
  TestBin bin(kReserve + 1);
  for (uintptr_t number = 100; bin.CanGive(); ++number) {
    bin.Give(Slot(number), random);
    ASSERT_NE(bin.top()[-1], Slot(number));
  }
  EXPECT_EQ(bin.count(), kCapacity);
  EXPECT_EQ(std::set<void*>(bin.slots.begin(), bin.slots.begin() + kCapacity).size(), kCapacity)
      << "none lost, none twice";
  EXPECT_EQ(bin.slots[kCapacity], nullptr) << "nothing behind the array";
}

TEST(CacheBin, AGivenSlotMayLandInEveryPlaceOfTheWindow) {
  RandomBits random;
  random.Stir(test::Seed());
  std::set<long> places;
  for (int i = 0; i < 2000; ++i) {
    TestBin bin(40);
    bin.Give(Slot(100), random);
    places.insert(std::find(bin.slots.begin(), bin.slots.end(), Slot(100)) - bin.slots.begin());
  }
  EXPECT_EQ(places, (std::set<long>{36, 37, 38, 39}));
}

TEST(CacheBin, TakesFromTheTopDownToTheReserve) {
  TestBin bin(10);
  for (uintptr_t number = 10; number > kReserve; --number) {
    ASSERT_TRUE(bin.CanTake());
    ASSERT_EQ(bin.Take(), Slot(number));
  }
  EXPECT_FALSE(bin.CanTake());
  EXPECT_EQ(bin.count(), kReserve);
}

TEST(CacheBin, TakesTheSlowPathBelowItsReserveAndWhenFull) {
  for (unsigned count = 0; count <= kCapacity; ++count) {
    const TestBin bin(count);
    EXPECT_EQ(bin.CanTake(), count > kReserve) << count;
    EXPECT_EQ(bin.CanGive(), count >= kReserve && count < kCapacity) << count;
    EXPECT_EQ(bin.capacity(), kCapacity);
  }
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
        for (size_t size = 8; size < 30000; size = size * 3 / 2)
          entry::Free(entry::Allocate(size, call), call);
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
