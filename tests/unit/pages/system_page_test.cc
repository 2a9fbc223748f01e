// The page heap asks of its sources what a kernel with pages of 4, 16 or 64 KiB can do: the fake
// sources object to anything else.
#include <algorithm>
#include <vector>

#include "tests/unit/pages/page_heap_fixture.h"
#include "tests/unit/seed.h"

namespace secure_alloc::test {
namespace {

class SystemPages : public PageHeapTest, public testing::WithParamInterface<size_t> {
 protected:
  static void SetUpTestSuite() {
    os::PretendPageSize(64 * kKiB);  // The space's metadata are aligned for all of them.
    PageHeapTest::SetUpTestSuite();
  }
  SystemPages() { os::PretendPageSize(GetParam()); }
  ~SystemPages() override { os::PretendPageSize(4 * kKiB); }
};

TEST_P(SystemPages, ARunIsAtLeastOneOfThem) {
  const Run run = Take(0);
  EXPECT_EQ(run.bytes(), GetParam());
  EXPECT_EQ(Address(run.address()) % GetParam(), 0u);
  const Run other = Take(0);
  EXPECT_NE(Address(run.address()) / GetParam(), Address(other.address()) / GetParam());
  heap_.Give(run);
  heap_.Give(other);
}

TEST_P(SystemPages, GuardsAreWholeOnes) {
  bool guarded = false;
  const Run run = TakeGuarded(SystemPage(), GetParam(), &guarded);
  EXPECT_TRUE(guarded);
  EXPECT_EQ(first_.guards() * kPageSize, 2 * GetParam());
  EXPECT_TRUE(first_.IsGuarded(Address(run.address()) - kPageSize));
  EXPECT_TRUE(first_.IsGuarded(Address(run.address()) - GetParam()));
  EXPECT_TRUE(first_.IsGuarded(Address(run.address()) + run.bytes()));
  heap_.GiveGuarded(run, guarded);
  EXPECT_EQ(first_.guards(), 0u);
}

TEST_P(SystemPages, ABudgetThatIsNoMultipleIsUsedUpToTheLastWholeOne) {
  budget_.SetLimit(5 * GetParam() + kPageSize - 1);
  for (int i = 0; i < 5; ++i) Take(0);
  EXPECT_EQ(ErrorOfTake(0), EAGAIN);
  EXPECT_EQ(budget_.used(), 5 * GetParam());
}

TEST_P(SystemPages, AReservationIsRoundedUp) {
  ASSERT_EQ(heap_.Reserve(1), 0);
  EXPECT_EQ(first_.mapped_bytes(), GetParam());
}

TEST_P(SystemPages, HoldsThroughManyStepsUnderPressure) {
  std::mt19937_64 random(test::Seed());
  budget_.SetLimit(8 * kMiB + 3 * kPageSize);
  struct Held {
    Run run;
    bool large, guarded;
  };
  std::vector<Held> held;
  for (int step = 0; step < 4000; ++step) {
    if (held.size() > 60 || (random() % 2 == 0 && !held.empty())) {
      std::swap(held[random() % held.size()], held.back());
      if (held.back().large) {
        heap_.GiveGuarded(held.back().run, held.back().guarded);
      } else {
        heap_.Give(held.back().run);
      }
      held.pop_back();
      continue;
    }
    Held one = {};
    int error = 0;
    one.large = random() % 3 == 0;
    const size_t alignment = size_t{4096} << random() % 7;
    const Pages count = static_cast<Pages>(1 + random() % 4) * SystemPage();
    const bool taken =
        one.large ? heap_.TryTakeGuarded(count, alignment, &one.run, &one.guarded, &error)
                  : heap_.TryTake(static_cast<unsigned>(random() % 6), &one.run, &error);
    if (taken) held.push_back(one);
  }
  for (const Held& one : held) {
    one.large ? heap_.GiveGuarded(one.run, one.guarded) : heap_.Give(one.run);
  }
  heap_.Trim();
  EXPECT_EQ(first_.mapped_bytes() + second_.mapped_bytes(), 0u);
  EXPECT_EQ(budget_.used(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Sizes, SystemPages, testing::Values(4 * kKiB, 16 * kKiB, 64 * kKiB));

}  // namespace
}  // namespace secure_alloc::test
