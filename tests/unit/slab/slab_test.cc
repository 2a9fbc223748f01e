#include "allocator/slab/slab.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "allocator/base/random.h"
#include "allocator/pages/page_heap.h"
#include "allocator/pages/sources.h"
#include "allocator/slab/object.h"
#include "tests/unit/seed.h"

namespace secure_alloc {
namespace {

constexpr PageHeapPolicy kPolicy = {
    .first_step = 64, .last_step = 512, .record_pages = 1, .arena_pages = 1024, .kept_empty = 0};

// Slabs need no memory: their slots are never touched here.
constinit PageHeap pages(kPolicy, inaccessible_source, nullptr);

class SlabTest : public testing::TestWithParam<unsigned> {
 protected:
  using Run = secure_alloc::Run;  // Not testing::Test's.

  static void SetUpTestSuite() {
    static const bool ready = space.Init();
    ASSERT_TRUE(ready);
  }
  void SetUp() override {
    Run run;
    int error;
    ASSERT_TRUE(pages.TryTake(kShapes[GetParam()].order, &run, &error));
    slab_ = Slab::Make(run, GetParam(), 0);
    random_.Stir(test::Seed());
  }
  void TearDown() override {
    while (!slots_.empty()) {
      EXPECT_TRUE(slab_->Give(slots_.back()));
      slots_.pop_back();
    }
    EXPECT_TRUE(slab_->empty());
    pages.Give(slab_->Unmake());
  }

  void TakeAll() {
    slots_.resize(shape_.slots);
    ASSERT_EQ(slab_->Take(slots_.data(), shape_.slots, random_), shape_.slots);
  }

  const SlabShape& shape_ = kShapes[GetParam()];
  Slab* slab_ = nullptr;
  RandomBits random_;
  std::vector<void*> slots_;  // taken
};

TEST_P(SlabTest, HandsOutEverySlotOnceAndThenNoMore) {
  TakeAll();
  EXPECT_TRUE(slab_->full());
  std::sort(slots_.begin(), slots_.end());
  const char* const begin = slab_->run().address();
  for (size_t i = 0; i < slots_.size(); ++i) ASSERT_EQ(slots_[i], begin + i * shape_.slot_size);
  void* none = nullptr;
  EXPECT_EQ(slab_->Take(&none, 1, random_), 0u);
}

TEST_P(SlabTest, IsFoundByEachOfItsSlots) {
  TakeAll();
  for (void* const slot : slots_) {
    ASSERT_EQ(Slab::Of(slot), slab_);
    ASSERT_TRUE(slab_->IsSlotStart(slot));
    ASSERT_FALSE(slab_->IsSlotStart(static_cast<char*>(slot) + 16));
    ASSERT_EQ(slab_->SlotOf(static_cast<char*>(slot) + shape_.slot_size - 1), slot);
  }
  const char* const end = slab_->run().address() + size_t{shape_.slots} * shape_.slot_size;
  EXPECT_EQ(slab_->SlotOf(end), nullptr) << "what is left behind the last slot";
}

TEST_P(SlabTest, RefusesASlotThatIsFreeAlready) {
  TakeAll();
  void* const slot = slots_.back();
  slots_.pop_back();
  EXPECT_TRUE(slab_->Give(slot));
  EXPECT_FALSE(slab_->Give(slot));
  EXPECT_EQ(slab_->free_slots(), 1u) << "a refusal counts nothing";
}

TEST_P(SlabTest, KeepsBookThroughManySteps) {
  test::Random random(test::Seed());
  std::set<void*> taken;
  for (int step = 0; step < 4000; ++step) {
    if (random() % 2 == 0) {
      void* slots[16];
      const unsigned count = static_cast<unsigned>(random() % 17);
      const unsigned got = slab_->Take(slots, count, random_);
      ASSERT_EQ(got, std::min<size_t>(count, shape_.slots - taken.size()));
      for (unsigned i = 0; i < got; ++i) ASSERT_TRUE(taken.insert(slots[i]).second);
    } else if (!taken.empty()) {
      const auto at =
          std::next(taken.begin(), static_cast<long>(test::Below(random, taken.size())));
      ASSERT_TRUE(slab_->Give(*at));
      taken.erase(at);
    }
    ASSERT_EQ(slab_->free_slots(), shape_.slots - taken.size());
  }
  slots_.assign(taken.begin(), taken.end());
}

TEST_P(SlabTest, EverySlotOfAnEmptySlabIsAsLikelyToComeFirst) {
  constexpr int kEach = 200;
  std::vector<int> seen(shape_.slots);
  for (int i = 0; i < kEach * shape_.slots; ++i) {
    void* slot;
    ASSERT_EQ(slab_->Take(&slot, 1, random_), 1u);
    ++seen[SlotIndex(shape_,
                     static_cast<size_t>(static_cast<char*>(slot) - slab_->run().address()))];
    ASSERT_TRUE(slab_->Give(slot));
  }
  double chi_square = 0;
  for (const int count : seen) chi_square += double(count - kEach) * (count - kEach) / kEach;
  const unsigned slots = shape_.slots;
  EXPECT_LT(chi_square, slots + 8 * __builtin_sqrt(2.0 * slots));
}

TEST_P(SlabTest, ShadowHoldsTheBinOfFreeSlotsAndIsZeroElsewhere) {
  const uint8_t* const shadow = space.ShadowOf(slab_->run().address());
  for (size_t granule = 0; granule < slab_->run().bytes() / 16; ++granule) {
    const bool start = granule * 16 % shape_.slot_size == 0 &&
                       granule * 16 / shape_.slot_size < shape_.slots;
    ASSERT_EQ(shadow[granule], start ? GetParam() : 0) << granule;
  }
  const Run run = slab_->Unmake();
  ASSERT_TRUE(std::all_of(shadow, shadow + run.bytes() / 16, [](int byte) { return byte == 0; }));
  slab_ = Slab::Make(run, GetParam(), 0);
}

INSTANTIATE_TEST_SUITE_P(Ordinary, SlabTest, testing::Range(kFirstClass, kClasses));
INSTANTIATE_TEST_SUITE_P(Secret, SlabTest,
                         testing::Range(kFirstClass + kSecretBins, kClasses + kSecretBins));

class SlabDeathTest : public SlabTest {};

TEST_P(SlabDeathTest, GivingWhatIsNoSlotIsFatal) {
  TakeAll();
  EXPECT_EXIT((void)slab_->Give(static_cast<char*>(slots_[0]) + 16),
              testing::KilledBySignal(SIGABRT), "");
}

INSTANTIATE_TEST_SUITE_P(Smallest, SlabDeathTest, testing::Values(kFirstClass, kFirstClass + 3));

}  // namespace
}  // namespace secure_alloc
