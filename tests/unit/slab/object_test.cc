#include "allocator/slab/object.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/unit/seed.h"

namespace secure_alloc {
namespace {

TEST(Slack, IsReadAsItWasWritten) {
  for (size_t slack = 1; slack <= kMaxSlack; ++slack) {
    uint8_t shadow[4] = {kLive | kFirstClass, 0, 0, 0};
    StoreSlack(shadow, slack);
    ASSERT_EQ(LoadSlack(shadow), slack);
    ASSERT_EQ(shadow[0], kLive | kFirstClass) << "the state is another's";
    ASSERT_EQ(shadow[3], 0) << "three granules are the smallest object's";
  }
}

TEST(Slack, NeverLooksLikeALiveObject) {
  for (size_t slack = 1; slack <= kMaxSlack; ++slack) {
    uint8_t shadow[4] = {};
    StoreSlack(shadow, slack);
    for (const uint8_t byte : shadow) ASSERT_EQ(byte & kLive, 0) << slack;
  }
}

TEST(Slack, ReplacesWhatWasThereBefore) {
  test::Random random(test::Seed());
  uint8_t shadow[4] = {};
  for (int i = 0; i < 100000; ++i) {
    const size_t slack = 1 + random() % (random() % 2 == 0 ? 100 : kMaxSlack);
    StoreSlack(shadow, slack);
    ASSERT_EQ(LoadSlack(shadow), slack);
  }
}

TEST(Slack, StaysWithinTheGranulesOfItsSlot) {
  // The smallest slots have two granules: their slack must fit one byte.
  for (size_t slack = 1; slack <= 32; ++slack) {
    uint8_t shadow[3] = {0, 0, 0x55};
    StoreSlack(shadow, slack);
    ASSERT_EQ(shadow[2], 0x55) << "the next slot's state, at slack " << slack;
  }
}

TEST(CheckByte, IsNeverZeroAndDiffersFromPlaceToPlace) {
  const uint64_t saved = check_key;
  test::Random random(test::Seed());
  for (int keys = 0; keys < 8; ++keys) {
    check_key = random() | 1;
    std::vector<int> seen(256);
    for (uintptr_t at = 0x7f0000000000; at < 0x7f0000200000; at += 16) {
      ++seen[CheckByte(reinterpret_cast<void*>(at))];
    }
    EXPECT_EQ(seen[0], 0);
    EXPECT_EQ(std::count_if(seen.begin(), seen.end(), [](int n) { return n > 0; }), 128);
  }
  check_key = saved;
}

TEST(CheckBytes, HoldUntilEitherChangesInAnyBit) {
  alignas(16) char slot[160] = {};
  for (size_t slack = 1; slack < sizeof slot; ++slack) {
    std::fill(std::begin(slot), std::end(slot), 0);
    SetCheckBytes(slot, sizeof slot, slack);
    const auto set = std::count_if(std::begin(slot), std::end(slot), [](char c) { return c != 0; });
    ASSERT_EQ(set, slack == 1 ? 1 : 2) << "the asked bytes and the zeros behind stay";
    ASSERT_TRUE(CheckBytesHold(slot, sizeof slot, slack));
    for (const size_t at : {sizeof slot - slack, sizeof slot - 1}) {
      for (int bit = 0; bit < 8; ++bit) {
        slot[at] = static_cast<char>(slot[at] ^ (1 << bit));
        ASSERT_FALSE(CheckBytesHold(slot, sizeof slot, slack));
        slot[at] = static_cast<char>(slot[at] ^ (1 << bit));
      }
    }
  }
}

TEST(CheckBytes, DoNotHoldElsewhere) {
  constexpr size_t kSlots = 1000;
  alignas(16) static char slots[kSlots][64];
  SetCheckBytes(slots[0], 64, 4);
  int held = 0;
  for (size_t i = 1; i < kSlots; ++i) {
    std::copy_n(slots[0], 64, slots[i]);
    held += CheckBytesHold(slots[i], 64, 4);
  }
  EXPECT_LT(held, 50) << "of 999; a 128th by chance";
}

}  // namespace
}  // namespace secure_alloc
