// The buddy system against a model, on pages that do not exist.
#include "allocator/pages/buddy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/unit/seed.h"

namespace secure_alloc {
namespace {

constexpr Pages kPages = 5000;  // Not a power of two.

class Model {
 public:
  Model() : info_(kPages), free_(kPages) { buddy_.Init(info_.data(), kPages); }

  void Give(uint32_t first, uint32_t count) {
    const Buddy::FreeRun merged = buddy_.Give(first, count);
    std::fill_n(free_.begin() + first, count, true);
    const uint32_t last = first + count - 1;
    ASSERT_TRUE(merged.first <= last && last < merged.first + (1u << merged.order));
    ASSERT_EQ(info_[merged.first].kind, PageKind::kFreeHead);
    ASSERT_EQ(info_[merged.first].order, merged.order);
  }

  uint32_t Take(unsigned order) {
    const bool promised = buddy_.Has(order);
    const uint32_t first = buddy_.Take(order);
    EXPECT_EQ(first != Buddy::kNone, promised) << "order " << order;
    if (first == Buddy::kNone) {
      // Looking for one takes long: now and then.
      EXPECT_FALSE(exhausted_++ % 64 == 0 && HasFreeRun(order)) << "order " << order;
      return first;
    }
    EXPECT_EQ(first % (1u << order), 0u) << "a run of order " << order << " at " << first;
    for (uint32_t page = first; page < first + (1u << order); ++page) {
      EXPECT_TRUE(free_[page]) << "page " << page << " handed out twice";
      EXPECT_EQ(info_[page].kind, PageKind::kAllocated);
      free_[page] = false;
    }
    return first;
  }

  bool AllFree(uint32_t first, uint32_t count) const {
    const bool all = std::all_of(free_.begin() + first, free_.begin() + first + count,
                                 [](bool free) { return free; });
    EXPECT_EQ(buddy_.AllFree(first, count), all) << first << ", " << count;
    return all;
  }

  void Withdraw(uint32_t first, uint32_t count) {
    buddy_.Withdraw(first, count);
    std::fill_n(free_.begin() + first, count, false);
    for (uint32_t page = first; page < first + count; ++page) {
      ASSERT_EQ(info_[page].kind, PageKind::kAbsent);
    }
  }

  // Invariants 1 to 3, and the counts.
  void Check() const {
    std::vector<uint32_t> runs(Buddy::kOrders);
    uint32_t free_pages = 0;
    for (uint32_t page = 0; page < kPages;) {
      if (!free_[page]) {
        ASSERT_NE(info_[page].kind, PageKind::kFreeHead) << page;
        ASSERT_NE(info_[page].kind, PageKind::kFreeBody) << page;
        ++page;
        continue;
      }
      ASSERT_EQ(info_[page].kind, PageKind::kFreeHead) << page;
      const unsigned order = info_[page].order;
      const uint32_t size = 1u << order;
      ASSERT_EQ(page % size, 0u);
      const uint32_t other = page ^ size;
      ASSERT_FALSE(order + 1 < Buddy::kOrders && other + size <= kPages && IsHead(other, order))
          << "free buddies " << page << " and " << other << " of order " << order;
      for (uint32_t i = page + 1; i < page + size; ++i) {
        ASSERT_TRUE(free_[i]) << i;
        ASSERT_EQ(info_[i].kind, PageKind::kFreeBody) << i;
      }
      ++runs[order];
      free_pages += size;
      page += size;
    }
    ASSERT_EQ(buddy_.free_pages(), free_pages);
    for (unsigned order = 0; order < Buddy::kOrders; ++order) {
      ASSERT_EQ(buddy_.free_runs(order), runs[order]) << order;
    }
  }

  const Buddy& buddy() const { return buddy_; }
  size_t exhausted() const { return exhausted_; }

 private:
  bool IsHead(uint32_t page, unsigned order) const {
    return info_[page].kind == PageKind::kFreeHead && info_[page].order == order;
  }
  // By the model's pages, not by the buddy's lists.
  bool HasFreeRun(unsigned order) const {
    const uint32_t size = 1u << order;
    for (uint32_t page = 0; page + size <= kPages; page += size) {
      if (std::all_of(free_.begin() + page, free_.begin() + page + size,
                      [](bool f) { return f; })) {
        return true;
      }
    }
    return false;
  }

  std::vector<PageInfo> info_;
  std::vector<bool> free_;
  Buddy buddy_;
  size_t exhausted_ = 0;
};

TEST(Buddy, MatchesTheModelForMillionsOfSteps) {
  test::Random random(test::Seed());
  Model model;
  uint32_t given = 0;
  std::vector<std::pair<uint32_t, uint32_t>> taken;  // first, count; or withdrawn
  size_t withdrawn = 0;
  for (int step = 0; step < 3000000 && !testing::Test::HasFailure(); ++step) {
    // Phases that fill up and phases that drain: exhaustion is reached many times.
    const bool filling = step / 20000 % 2 == 0;
    if (given < kPages && random() % 1024 == 0) {
      const uint32_t count = std::min<uint32_t>(1 + random() % 300, kPages - given);
      model.Give(given, count);
      given += count;
    } else if (random() % 16 == 0) {
      const uint32_t first = test::Below(random, kPages);
      const uint32_t count = 1 + test::Below(random, std::min<uint32_t>(40, kPages - first));
      if (!model.AllFree(first, count)) continue;
      model.Withdraw(first, count);
      taken.push_back({first, count});
      ++withdrawn;
    } else if (random() % 100 < (filling ? 60 : 40)) {
      const unsigned order = static_cast<unsigned>(std::countr_zero(random() | 512));
      const uint32_t first = model.Take(order);
      if (first != Buddy::kNone) taken.push_back({first, 1u << order});
    } else if (!taken.empty()) {
      auto& [first, count] = taken[test::Below(random, taken.size())];
      // A run goes back whole or in pieces.
      const uint32_t piece = random() % 2 == 0 ? count : 1 + random() % count;
      model.Give(first, piece);
      first += piece;
      count -= piece;
      if (count == 0) {
        std::swap(taken.back(), *std::find_if(taken.begin(), taken.end(),
                                              [](const auto& run) { return run.second == 0; }));
        taken.pop_back();
      }
    }
    if (step % 4096 == 0) model.Check();
  }
  for (const auto& [first, count] : taken) model.Give(first, count);
  model.Check();
  EXPECT_EQ(model.buddy().free_pages(), given);
  EXPECT_GT(model.exhausted(), 10000u);
  EXPECT_GT(withdrawn, 3000u);
}

TEST(Buddy, WhatIsWithdrawnLeavesTheRestOfItsRun) {
  Model model;
  model.Give(0, 64);
  model.Withdraw(17, 3);
  model.Check();
  EXPECT_EQ(model.buddy().free_pages(), 61u);
  EXPECT_EQ(model.Take(5), 32u);
  model.Give(17, 3);
  model.Give(32, 32);
  EXPECT_EQ(model.Take(6), 0u);
}

TEST(Buddy, SplitsToTheSmallestAndMergesBackToOne) {
  Model model;
  model.Give(0, 1024);
  for (uint32_t i = 0; i < 1024; ++i) ASSERT_NE(model.Take(0), Buddy::kNone);
  ASSERT_EQ(model.Take(0), Buddy::kNone);
  for (uint32_t page = 0; page < 1024; page += 2) model.Give(page, 1);
  EXPECT_EQ(model.buddy().free_runs(0), 512u) << "no neighbour is free";
  for (uint32_t page = 1; page < 1024; page += 2) model.Give(page, 1);
  EXPECT_EQ(model.buddy().free_runs(10), 1u);
  model.Check();
}

TEST(Buddy, MergesOnlyWithItsOwnBuddy) {
  Model model;
  model.Give(0, 4);
  ASSERT_EQ(model.Take(2), 0u);
  model.Give(1, 2);  // Neighbours, but halves of different pairs.
  EXPECT_EQ(model.buddy().free_runs(0), 2u);
  EXPECT_EQ(model.buddy().free_runs(1), 0u);
  model.Check();
}

TEST(Buddy, DoesNotMergeBeyondItsLastPage) {
  std::vector<PageInfo> info(2048);
  Buddy buddy;
  buddy.Init(info.data(), 1024);
  info[1024] = {.first = Buddy::kNone, .next = Buddy::kNone, .slack = 0,
                .kind = PageKind::kFreeHead, .order = 10, .prepared = false, .in_copy = false,
                .seam = false, .start = 0, .state = {}};
  // Another's, and by its looks the buddy of all of ours.
  buddy.Give(0, 1024);
  EXPECT_EQ(buddy.free_runs(10), 1u);
  EXPECT_EQ(buddy.free_runs(11), 0u);
}

TEST(Buddy, HoldsTheLargestOrder) {
  constexpr uint32_t kLargest = 1u << (Buddy::kOrders - 1);
  std::vector<PageInfo> info(2 * kLargest);
  Buddy buddy;
  buddy.Init(info.data(), 2 * kLargest);
  buddy.Give(0, 2 * kLargest);
  EXPECT_EQ(buddy.free_runs(Buddy::kOrders - 1), 2u);
  EXPECT_NE(buddy.Take(Buddy::kOrders - 1), buddy.Take(Buddy::kOrders - 1));
  EXPECT_EQ(buddy.Take(0), Buddy::kNone);
}

TEST(BuddyDeathTest, APageGivenTwiceIsFatal) {
  Model model;
  model.Give(0, 8);
  EXPECT_EXIT(model.Give(3, 1), testing::KilledBySignal(SIGABRT), "");
}

TEST(BuddyDeathTest, APageThatIsNotThereIsFatal) {
  Model model;
  EXPECT_EXIT(model.Give(kPages - 1, 2), testing::KilledBySignal(SIGABRT), "");
}

}  // namespace
}  // namespace secure_alloc
