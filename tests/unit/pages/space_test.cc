#include "allocator/pages/space.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "allocator/os/os.h"
#include "allocator/pages/arena.h"
#include "tests/unit/seed.h"

namespace secure_alloc {
namespace {

class SpaceTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(space_.Init()); }
  Space space_;
};

TEST_F(SpaceTest, HandsOutNeighbouringSpansToOneOwnerOnly) {
  test::Random random(test::Seed());
  std::vector<std::pair<uintptr_t, size_t>> taken;
  std::set<uintptr_t> owned;
  for (int step = 0; step < 2000; ++step) {
    if (random() % 5 < 3) {
      const size_t count = 1 + random() % 5;
      const uintptr_t first = space_.TakeSpans(count, true);
      ASSERT_NE(first, 0u);
      ASSERT_EQ(first % kSpanSize, 0u);
      for (size_t i = 0; i < count; ++i) {
        ASSERT_TRUE(space_.Contains(first + i * kSpanSize));
        ASSERT_TRUE(owned.insert(first + i * kSpanSize).second) << "taken twice";
      }
      taken.push_back({first, count});
    } else if (!taken.empty()) {
      std::swap(taken[test::Below(random, taken.size())], taken.back());
      const auto [first, count] = taken.back();
      taken.pop_back();
      for (size_t i = 0; i < count; ++i) owned.erase(first + i * kSpanSize);
      space_.GiveSpans(first, count);
    }
  }
}

TEST_F(SpaceTest, ReusesTheFirstSpanThatIsFree) {
  const uintptr_t a = space_.TakeSpans(1, true), b = space_.TakeSpans(1, true);
  space_.GiveSpans(a, 1);
  EXPECT_EQ(space_.TakeSpans(2, true), b + kSpanSize) << "the hole is too small";
  EXPECT_EQ(space_.TakeSpans(1, true), a);
}

TEST_F(SpaceTest, KnowsTheOwnerOfEveryAddressOnceItIsPublished) {
  const uintptr_t first = space_.TakeSpans(2, true);
  Arena arena{};
  arena.base = first + kPageSize;
  arena.grown = 2 * kSpanSize / kPageSize - 2;
  const uintptr_t begin = arena.base, end = begin + arena.bytes();
  EXPECT_EQ(space_.OwnerOf(begin), nullptr) << "taken, not published";
  space_.SetOwner(first, 2, &arena);
  for (const uintptr_t at : {begin, begin + 1, first + kSpanSize, end - 1}) {
    EXPECT_EQ(space_.OwnerOf(at), &arena);
  }
  for (const uintptr_t at : {first, begin - 1, end, first + 2 * kSpanSize}) {
    EXPECT_EQ(space_.OwnerOf(at), nullptr) << "the arena has no pages there";
  }
  EXPECT_EQ(space_.OwnerOf(first - 1), nullptr);
  EXPECT_EQ(space_.OwnerOf(Address(&arena)), nullptr) << "the stack is not ours";
  space_.GiveSpans(first, 2);
  EXPECT_EQ(space_.OwnerOf(begin), nullptr);
}

TEST_F(SpaceTest, GivesGranuleIndicesToAlignedAddressesInsideOnly) {
  const uintptr_t first = space_.TakeSpans(1, true);
  EXPECT_LT(space_.GranuleIndex(first), space_.granules());
  EXPECT_LT(space_.GranuleIndex(first + kSpanSize - 16), space_.granules());
  for (uintptr_t low = 1; low < 16; ++low) {
    EXPECT_GE(space_.GranuleIndex(first + low), space_.granules()) << low;
  }
  EXPECT_GE(space_.GranuleIndex(first + kSpanSize), space_.granules()) << "never taken";
  EXPECT_GE(space_.GranuleIndex(first - 16), space_.granules());
  EXPECT_GE(space_.GranuleIndex(0), space_.granules());
  EXPECT_GE(space_.GranuleIndex(Address(&first) & ~uintptr_t{15}), space_.granules());
  EXPECT_EQ(space_.shadow(space_.GranuleIndex(first + 64)),
            space_.ShadowOf(reinterpret_cast<void*>(first + 64)));
}

TEST_F(SpaceTest, ShadowIsZeroForEachNewOwner) {
  const uintptr_t first = space_.TakeSpans(1, true);
  uint8_t* const shadow = space_.ShadowOf(reinterpret_cast<void*>(first));
  constexpr size_t kGranules = kSpanSize >> kGranuleShift;
  std::fill_n(shadow, kGranules, uint8_t{0x91});
  space_.GiveSpans(first, 1);
  ASSERT_EQ(space_.TakeSpans(1, true), first);
  EXPECT_EQ(std::count(shadow, shadow + kGranules, 0), static_cast<long>(kGranules));
}

TEST_F(SpaceTest, DropsTheShadowOfWholePagesOnly) {
  const uintptr_t first = space_.TakeSpans(1, true);
  uint8_t* const shadow = space_.ShadowOf(reinterpret_cast<void*>(first));
  constexpr size_t kGranules = kSpanSize >> kGranuleShift;
  std::fill_n(shadow, kGranules, uint8_t{2});
  // What begins in the middle keeps its ends: sixteen pages of heap have a page of shadow.
  const size_t page = os::PageSize();
  space_.DropShadow(reinterpret_cast<void*>(first + 8 * page), 32 * page);
  EXPECT_EQ(std::count(shadow, shadow + kGranules, 0), static_cast<long>(page));
  EXPECT_EQ(shadow[page - 1], 2);
  EXPECT_EQ(shadow[page], 0);
  EXPECT_EQ(shadow[2 * page], 2);
}

}  // namespace
}  // namespace secure_alloc
