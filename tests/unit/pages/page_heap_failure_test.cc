// A page heap whose sources fail at the Nth request, for every N until a run of the same
// steps meets no failure. Whatever fails, nothing is lost and nothing is handed out twice.
#include <errno.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <set>
#include <vector>

#include "allocator/pages/page_heap.h"
#include "allocator/pages/space.h"
#include "tests/unit/pages/fake_source.h"
#include "tests/unit/seed.h"

namespace secure_alloc {
namespace {

using test::FakeSource;

constexpr PageHeapPolicy kPolicy = {
    .first_step = 16, .last_step = 128, .record_pages = 1, .arena_pages = 0, .kept_empty = 32,
    .file_pages = 8};

constexpr unsigned kKey = 3;

enum class Kind { kPlain, kGuarded, kBare };

struct Held {
  Run run;
  Kind kind;
  bool guarded;
};

class Trial {
 public:
  Trial(unsigned ladder, test::Refusals* refusals, uint64_t seed)
      : refusals_(refusals), random_(seed), first_(Protection::kSecret, refusals),
        second_(Protection::kLocked, refusals) {
    heap_.SetLadder(ladder_, ladder);
    // A key is one request more that can be refused.
    if (ladder == 2) heap_.SetKey(kKey);
  }

  void Perform(int steps) {
    for (int step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
      if (random_() % 16 == 0) {
        heap_.Trim();
      } else if (random_() % 5 < 3) {
        Take();
      } else if (!held_.empty()) {
        std::swap(held_[test::Below(random_, held_.size())], held_.back());
        Give(held_.back());
        held_.pop_back();
      }
    }
    EXPECT_EQ(budget_.used(), first_.mapped_bytes() + second_.mapped_bytes());
    for (const Held& held : held_) Give(held);
    const PageRecord& usage = heap_.usage();
    for (const Counter& used : usage.used_bytes) EXPECT_EQ(used.get(), 0u) << "pages lost";
    heap_.Trim();
    EXPECT_EQ(first_.mapped_bytes() + second_.mapped_bytes(), 0u) << "an arena stayed";
    EXPECT_EQ(first_.guards() + second_.guards(), 0u);
    EXPECT_EQ(budget_.used(), 0u);
    EXPECT_TRUE(pages_.empty());
    EXPECT_TRUE(!fell_ || usage.fallback_arenas.get() > 0)
        << "a step down the ladder was not counted";
  }

 private:
  void Take() {
    Held held = {{}, static_cast<Kind>(random_() % 3), false};
    const Pages count = 1 + static_cast<Pages>(random_() % (random_() % 8 == 0 ? 200 : 12));
    const size_t alignment = kPageSize << (random_() % 4 == 0 ? random_() % 7 : 0);
    int error = 0;
    bool taken = false;
    switch (held.kind) {
      case Kind::kPlain:
        taken = heap_.TryTake(static_cast<unsigned>(random_() % 5), &held.run, &error);
        break;
      case Kind::kGuarded:
        taken = heap_.TryTakeGuarded(count, alignment, &held.run, &held.guarded, &error);
        break;
      case Kind::kBare:
        taken = heap_.TryTakeBare(count, alignment, &held.run, &error);
        break;
    }
    if (!taken) {
      const bool too_large = held.kind == Kind::kBare && error == ENOMEM;
      EXPECT_TRUE(too_large || error == refusals_->error) << error;
      EXPECT_TRUE(too_large || refusals_->reached()) << "refused without a reason";
      return;
    }
    const FakeSource& source = held.run.arena->source == &first_ ? first_ : second_;
    fell_ |= &source == &second_;
    EXPECT_TRUE(source.IsPrepared(Address(held.run.address()), held.run.bytes()));
    if (held.guarded && !held.run.arena->whole) {
      EXPECT_TRUE(source.IsGuarded(Address(held.run.address()) - kPageSize));
      EXPECT_TRUE(source.IsGuarded(Address(held.run.address()) + held.run.bytes()));
    }
    for (Pages i = 0; i < held.run.count; ++i) {
      EXPECT_TRUE(pages_.insert(Address(held.run.address()) + BytesOf(i)).second) << "given twice";
      EXPECT_FALSE(source.IsGuarded(Address(held.run.address()) + BytesOf(i)));
    }
    held_.push_back(held);
  }

  void Give(const Held& held) {
    for (Pages i = 0; i < held.run.count; ++i) {
      pages_.erase(Address(held.run.address()) + BytesOf(i));
    }
    if (held.kind == Kind::kGuarded) return heap_.GiveGuarded(held.run, held.guarded);
    heap_.Give(held.run);
  }

  test::Refusals* const refusals_;
  test::Random random_;
  FakeSource first_, second_;
  const Source* ladder_[2] = {&first_, &second_};
  Budget budget_{64 * kMiB};
  PageHeap heap_{kPolicy, first_, &budget_};
  std::vector<Held> held_;
  std::set<uintptr_t> pages_;
  bool fell_ = false;
};

class FailingSources : public testing::TestWithParam<std::tuple<unsigned, bool, int>> {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(space.Init()); }
};

TEST_P(FailingSources, LoseNothingWhicheverRequestFails) {
  const auto [ladder, from_then_on, error] = GetParam();
  const uint64_t seed = test::Seed();
  for (long nth = 0;; ++nth) {
    SCOPED_TRACE(testing::Message() << "request " << nth << " fails");
    test::Refusals refusals = {.first = nth, .from_then_on = from_then_on, .error = error};
    Trial(ladder, &refusals, seed).Perform(150);
    if (HasFailure()) return;
    if (!refusals.reached()) {
      EXPECT_GT(nth, 50) << "the steps ask for little";
      std::printf("%ld requests, each of them refused in a run\n", nth);
      return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(LaddersAndErrors, FailingSources,
                         testing::Combine(testing::Values(1u, 2u), testing::Bool(),
                                          testing::Values(EAGAIN, ENOSYS)));

}  // namespace
}  // namespace secure_alloc
