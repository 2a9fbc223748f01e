#include "allocator/slab/size_class.h"

#include <gtest/gtest.h>

#include <vector>

namespace secure_alloc {
namespace {

std::vector<unsigned> AllBins() {
  std::vector<unsigned> bins;
  for (unsigned c = kZeroClass; c < kClasses; ++c) {
    bins.push_back(c);
    bins.push_back(c + kSecretBins);
    bins.push_back(c + kDomainBins);
  }
  return bins;
}

TEST(SizeClass, EveryRequestFitsWithOneByteToSpare) {
  for (size_t request = 1; request <= kMaxSlabRequest; ++request) {
    ASSERT_GE(SlotSizeOf(ComputeClass(request)), request + 1) << request;
  }
}

TEST(SizeClass, NoSmallerClassWouldDo) {
  for (size_t request = 1; request <= kMaxSlabRequest; ++request) {
    const unsigned size_class = ComputeClass(request);
    ASSERT_TRUE(size_class == kFirstClass || SlotSizeOf(size_class - 1) <= request) << request;
  }
}

TEST(SizeClass, WastesLessThanAFifthOfASlotAbove128) {
  for (size_t request = 128; request <= kMaxSlabRequest; ++request) {
    const size_t slot = SlotSizeOf(ComputeClass(request));
    ASSERT_LT((slot - (request + 1)) * 5, slot) << request;
  }
  for (size_t request = 32; request < 128; ++request) {
    ASSERT_LT(SlotSizeOf(ComputeClass(request)) - (request + 1), 16u) << request;
  }
}

TEST(SizeClass, APowerOfTwoWastesLessThanAGranule) {
  for (size_t request = 32; request < kMaxSlot; request *= 2) {
    EXPECT_EQ(SlotSizeOf(ComputeClass(request)), request + 16);
  }
}

TEST(SizeClass, TheTableSaysWhatComputationSays) {
  for (size_t request = 1; request <= kMaxSlabRequest; ++request) {
    ASSERT_EQ(ClassOf(request), ComputeClass(request)) << request;
  }
}

TEST(SizeClass, SlotsGrowInStepsOfAGranule) {
  for (unsigned c = kFirstClass; c < kClasses; ++c) {
    EXPECT_EQ(SlotSizeOf(c) % 16, 0u);
    EXPECT_TRUE(c == kFirstClass || SlotSizeOf(c) > SlotSizeOf(c - 1)) << c;
  }
  EXPECT_EQ(SlotSizeOf(kFirstClass), kMinSlot);
  EXPECT_EQ(SlotSizeOf(kClasses - 1), kMaxSlot);
  EXPECT_EQ(SlotSizeOf(kClasses), 0u);
}

TEST(SizeClass, AnAlignedClassHasOnlyAlignedSlots) {
  for (size_t alignment = 16; alignment <= kPageSize; alignment *= 2) {
    for (size_t request = 1; request <= kMaxSlabRequest; request += request < 4096 ? 1 : 31) {
      const unsigned size_class = AlignedClass(request, alignment);
      ASSERT_LT(size_class, kClasses) << "32 KiB is a multiple of all of them";
      ASSERT_EQ(SlotSizeOf(size_class) % alignment, 0u);
      ASSERT_GT(SlotSizeOf(size_class), request);
      for (unsigned c = ComputeClass(request); c < size_class; ++c) {
        ASSERT_NE(SlotSizeOf(c) % alignment, 0u) << "class " << c << " would have done";
      }
    }
  }
}

TEST(SlotIndex, IsExactAtEveryOffsetOfEveryShape) {
  for (const unsigned bin : AllBins()) {
    const SlabShape& shape = kShapes[bin];
    for (size_t offset = 0; offset < kPageSize << shape.order; ++offset) {
      ASSERT_EQ(SlotIndex(shape, offset), offset / shape.slot_size) << shape.slot_size;
    }
  }
}

TEST(Shapes, SlotsFillTheirSlabToSevenEighths) {
  for (const unsigned bin : AllBins()) {
    const SlabShape& shape = kShapes[bin];
    const size_t bytes = kPageSize << shape.order, used = size_t{shape.slots} * shape.slot_size;
    EXPECT_EQ(shape.slot_size, SlotSizeOf(ClassOfBin(bin)));
    EXPECT_LE(used, bytes);
    EXPECT_GE(used, bytes - bytes / 8) << shape.slot_size;
    EXPECT_LE(shape.slots, kMaxSlots);
    EXPECT_GE(shape.slots, 4);
  }
}

TEST(Shapes, CachesKeepSlotsToChooseAmong) {
  for (const unsigned bin : AllBins()) {
    EXPECT_GE(kShapes[bin].cache_reserve, 1) << bin;
    EXPECT_LT(kShapes[bin].cache_reserve, kShapes[bin].cache_capacity / 2) << bin;
  }
}

TEST(MarkOfBin, TellsTheBinsOfThreadCachesAndWhatIsOfACreatedDomain) {
  for (unsigned bin = 0; bin < kCachedBins; ++bin) EXPECT_EQ(MarkOfBin(bin), bin);
  for (unsigned c = kFirstClass; c < kClasses; ++c) {
    EXPECT_EQ(MarkOfBin(kDomainBins + c), kDomainSlotMark) << c;
  }
  EXPECT_EQ(MarkOfBin(kDomainBins + kLargeClass), kDomainLargeMark);
}

TEST(LiveLastByte, KnowsLiveSlabObjectsAndNothingElse) {
  for (unsigned state = 0; state < 256; ++state) {
    const unsigned bin = state & 0x7F, size_class = ClassOfBin(bin);
    const bool is_live_slot = (state & 0x80) != 0 && bin < kCachedBins &&
                              size_class >= kFirstClass && size_class < kClasses;
    const size_t last_byte = is_live_slot ? SlotSizeOf(size_class) - 1 : UINT16_MAX;
    EXPECT_EQ(kLiveLastByte[state], last_byte) << state;
  }
}

}  // namespace
}  // namespace secure_alloc
