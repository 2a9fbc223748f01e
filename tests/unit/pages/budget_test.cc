#include "allocator/pages/budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace secure_alloc {
namespace {

TEST(Budget, ChargesUpToItsLimitAndNotAByteMore) {
  Budget budget(100);
  EXPECT_TRUE(budget.TryCharge(60));
  EXPECT_FALSE(budget.TryCharge(41));
  EXPECT_EQ(budget.used(), 60u) << "a refusal charges nothing";
  EXPECT_TRUE(budget.TryCharge(40));
  EXPECT_EQ(budget.room(), 0u);
  EXPECT_FALSE(budget.TryCharge(1));
  EXPECT_TRUE(budget.TryCharge(0));
}

TEST(Budget, RefusesWhatWouldOverflow) {
  Budget budget(SIZE_MAX);
  ASSERT_TRUE(budget.TryCharge(2));
  EXPECT_FALSE(budget.TryCharge(SIZE_MAX - 1));
  EXPECT_EQ(budget.used(), 2u);
}

TEST(Budget, HasNoRoomWhenItsLimitFallsBelowWhatIsUsed) {
  Budget budget(100);
  ASSERT_TRUE(budget.TryCharge(80));
  budget.SetLimit(50);
  EXPECT_EQ(budget.room(), 0u);
  EXPECT_FALSE(budget.TryCharge(0));
  budget.Release(40);
  EXPECT_EQ(budget.room(), 10u);
  EXPECT_TRUE(budget.TryCharge(10));
}

TEST(Budget, RemembersTheMostThatWasUsed) {
  Budget budget(100);
  ASSERT_TRUE(budget.TryCharge(70));
  budget.Release(70);
  ASSERT_TRUE(budget.TryCharge(10));
  EXPECT_EQ(budget.high_water(), 70u);
}

TEST(Budget, IsNeverExceededByThreadsTogether) {
  constexpr size_t kLimit = 1000;
  constexpr int kThreads = 4, kRounds = 100000;
  Budget budget(kLimit);
  std::atomic<size_t> held = 0;  // Raised after a charge, lowered before its release.
  std::atomic<int> excesses = 0, charged = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const size_t share = 200 + 70 * static_cast<size_t>(t);
      for (int i = 0; i < kRounds; ++i) {
        if (!budget.TryCharge(share)) continue;
        ++charged;
        if (held.fetch_add(share) + share > kLimit) ++excesses;
        held -= share;
        budget.Release(share);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(excesses, 0);
  EXPECT_GT(charged, 0);
  EXPECT_EQ(budget.used(), 0u);
  EXPECT_LE(budget.high_water(), kLimit);
}

}  // namespace
}  // namespace secure_alloc
