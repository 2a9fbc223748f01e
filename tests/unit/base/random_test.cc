#include "allocator/base/random.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <set>
#include <vector>

#include "tests/unit/child.h"
#include "tests/unit/seed.h"

namespace secure_alloc {
namespace {

TEST(RandomBits, StaysBelowItsBound) {
  RandomBits random;
  random.Stir(test::Seed());
  for (uint32_t n = 1; n < 65536; n = n < 300 ? n + 1 : n + 251) {
    for (int i = 0; i < 200; ++i) ASSERT_LT(random.Below(n), n);
  }
}

TEST(RandomBits, FavoursNoValue) {
  RandomBits random;
  random.Stir(test::Seed());
  for (const uint32_t n : {2u, 3u, 16u, 100u, 512u}) {
    constexpr int kEach = 2000;
    std::vector<int> seen(n);
    for (uint32_t i = 0; i < n * kEach; ++i) ++seen[random.Below(n)];
    double chi_square = 0;
    for (const int count : seen) chi_square += double(count - kEach) * (count - kEach) / kEach;
    // n - 1 degrees of freedom; eight standard deviations above the mean.
    EXPECT_LT(chi_square, n + 8 * __builtin_sqrt(2.0 * n)) << n;
  }
}

TEST(RandomBits, StirringChangesWhatFollows) {
  RandomBits a, b;
  b.Stir(test::Seed() | 1);
  int equal = 0;
  for (int i = 0; i < 1000; ++i) equal += a.Below(65535) == b.Below(65535);
  EXPECT_LT(equal, 20);
}

TEST(RandomWord, DoesNotRepeat) {
  std::set<uint64_t> seen;
  for (int i = 0; i < 10000; ++i) EXPECT_TRUE(seen.insert(RandomWord()).second);
}

TEST(RandomWord, AChildThatForgetsDoesNotRepeatItsParent) {
  ASSERT_NE(RandomWord(), 0u);  // The buffer has words left.
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const int end = test::InChild([&] {
    ForgetRandomWords();
    const uint64_t word = RandomWord();
    return write(ends[1], &word, sizeof word) == sizeof word ? 0 : 1;
  });
  ASSERT_EQ(end, 0);
  uint64_t childs = 0;
  ASSERT_EQ(read(ends[0], &childs, sizeof childs), static_cast<ssize_t>(sizeof childs));
  for (int i = 0; i < 64; ++i) EXPECT_NE(RandomWord(), childs);
}

}  // namespace
}  // namespace secure_alloc
