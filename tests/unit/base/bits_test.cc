#include "allocator/base/bits.h"

#include <gtest/gtest.h>

namespace secure_alloc {
namespace {

TEST(Bits, LogarithmsEncloseTheirNumber) {
  for (size_t n = 1; n < 70000; ++n) {
    const unsigned floor = FloorLog2(n), ceil = CeilLog2(n);
    ASSERT_LE(size_t{1} << floor, n);
    ASSERT_GT(size_t{2} << floor, n);
    ASSERT_GE(size_t{1} << ceil, n);
    ASSERT_LT((size_t{1} << ceil) / 2, n);
    ASSERT_EQ(floor == ceil, IsPowerOfTwo(n)) << n;
  }
  EXPECT_EQ(FloorLog2(SIZE_MAX), 63u);
}

TEST(Bits, RoundingFindsTheNearestMultiple) {
  for (size_t power = 1; power <= 8192; power *= 2) {
    for (size_t n = 0; n < 3 * power; n += power < 64 ? 1 : 7) {
      ASSERT_EQ(RoundUp(n, power), (n + power - 1) / power * power);
      ASSERT_EQ(RoundDown(n, power), n / power * power);
    }
  }
}

TEST(Bits, ZeroIsNoPowerOfTwo) { EXPECT_FALSE(IsPowerOfTwo(0)); }

TEST(Bits, PagesCountEveryPageBegun) {
  EXPECT_EQ(PagesFor(0), 0u);
  EXPECT_EQ(PagesFor(1), 1u);
  EXPECT_EQ(PagesFor(4096), 1u);
  EXPECT_EQ(PagesFor(4097), 2u);
  EXPECT_EQ(BytesOf(0x200000), size_t{8} * kGiB) << "no overflow at 32 bits";
}

}  // namespace
}  // namespace secure_alloc
