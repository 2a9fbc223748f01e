#include "allocator/base/bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace secure_alloc {
namespace {

constexpr size_t kMargin = 64;
constexpr unsigned char kFill = 0xA5;

// Every slot size is among them.
std::vector<size_t> Sizes() {
  std::vector<size_t> sizes;
  for (size_t size = 32; size <= 2304; size += 16) sizes.push_back(size);
  for (size_t size = 2304 + 256; size <= 32768; size += 256) {
    sizes.push_back(size);
    sizes.push_back(size + 16);
  }
  return sizes;
}

// Sizes, and how far above a multiple of 32.
std::vector<std::pair<size_t, size_t>> Places() {
  std::vector<std::pair<size_t, size_t>> places;
  for (const size_t size : Sizes()) {
    for (const size_t above : {0, 16}) places.emplace_back(size, above);
  }
  return places;
}

// A slot between margins, at an address that is `above` a multiple of 32.
struct Slot {
  Slot(size_t size, size_t above, unsigned char fill) : storage(size + 2 * kMargin + 32, fill) {
    const uintptr_t address = reinterpret_cast<uintptr_t>(storage.data()) + kMargin;
    bytes = reinterpret_cast<unsigned char*>((address + 31) / 32 * 32 + above);
  }
  std::vector<unsigned char> storage;
  unsigned char* bytes;
};

// By loops and, where the processor has what it is made of, by inlined code.
class Bytes : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    last_inline_byte = 0;
    if (!GetParam()) return;
    FindInlineCode();
    if (last_inline_byte == 0) GTEST_SKIP() << "SKIP: machine: no AVX2";
  }
};
INSTANTIATE_TEST_SUITE_P(Code, Bytes, testing::Bool(), [](const auto& param_info) {
  return param_info.param ? "Inline" : "Loops";
});

#if defined(__x86_64__)
TEST(FindInlineCode, FindsItWhereTheCompilersOwnQuestionDoes) {
  last_inline_byte = 0;
  FindInlineCode();
  EXPECT_EQ(last_inline_byte > 0, __builtin_cpu_supports("avx2") != 0);
}
#endif

TEST(CopyWritten, CopiesAllAndNoByteBeyond) {
  for (const size_t size : {16, 48, 4096, 12288}) {
    Slot from(size, 0, 0), to(size, 0, kFill);
    for (size_t i = 0; i < size; ++i) from.bytes[i] = static_cast<unsigned char>(i * 7 + i / 256);
    CopyWritten(to.bytes, from.bytes, size);
    EXPECT_TRUE(std::equal(to.bytes, to.bytes + size, from.bytes)) << size;
    EXPECT_EQ(to.bytes[-1], kFill);
    EXPECT_EQ(to.bytes[size], kFill);
  }
}

TEST_P(Bytes, WipeZeroesTheSlotAndNoByteBeyond) {
  for (const auto& [size, above] : Places()) {
    Slot slot(size, above, kFill);
    Wipe(slot.bytes, size);
    ASSERT_TRUE(std::all_of(slot.bytes, slot.bytes + size, [](int b) { return b == 0; })) << size;
    const auto filled = std::count(slot.storage.begin(), slot.storage.end(), kFill);
    ASSERT_EQ(static_cast<size_t>(filled), slot.storage.size() - size) << size;
  }
}

TEST_P(Bytes, IsZeroHoldsForAWipedSlotAmongOthers) {
  for (const auto& [size, above] : Places()) {
    Slot slot(size, above, kFill);
    ASSERT_FALSE(IsZero(slot.bytes, size)) << size;
    std::fill_n(slot.bytes, size, 0);
    ASSERT_TRUE(IsZero(slot.bytes, size)) << size << ": bytes beyond the slot do not count";
  }
}

TEST_P(Bytes, IsZeroSeesEverySingleBit) {
  for (const auto& [size, above] : Places()) {
    Slot slot(size, above, 0);
    const size_t step = size <= 2304 ? 1 : 61;
    for (size_t i = 0; i < size; i += step) {
      slot.bytes[i] = static_cast<unsigned char>(1 << (i % 8));
      ASSERT_FALSE(IsZero(slot.bytes, size)) << size << " at " << i;
      slot.bytes[i] = 0;
    }
    for (const size_t last : {size_t{0}, size - 1}) {
      slot.bytes[last] = 0x80;
      ASSERT_FALSE(IsZero(slot.bytes, size)) << size << " at " << last;
      slot.bytes[last] = 0;
    }
    ASSERT_TRUE(IsZero(slot.bytes, size));
  }
}

TEST_P(Bytes, LongLoopsAgreeWithTheInlinedCode) {
  for (size_t size = 16; size <= 2048; size += 16) {
    Slot slot(size, 16, 0);
    ASSERT_TRUE(IsZeroLong(slot.bytes, size));
    for (size_t i = 0; i < size; i += 13) {
      slot.bytes[i] = 1;
      ASSERT_FALSE(IsZeroLong(slot.bytes, size)) << size << " at " << i;
      WipeLong(slot.bytes, size);
      ASSERT_TRUE(IsZeroLong(slot.bytes, size));
    }
  }
}

TEST_P(Bytes, WhatWasWrittenIsWipedWhereverItIs) {
  for (const size_t size : {16, 272, 4096, 3 * 4096 + 48}) {
    for (size_t offset = 16; offset <= 4096; offset += 816) {  // The end of a page is anywhere.
      Slot slot(offset + size + 16, 0, 0);
      unsigned char* const begin = slot.bytes + offset;
      begin[-1] = begin[size] = kFill;
      for (size_t i = 0; i < size; i += 37) {
        begin[i] = begin[i / 2] = 1;
        WipeWritten(begin, size);
        ASSERT_TRUE(IsZeroLong(begin, size)) << size << " at " << i;
      }
      std::fill(begin, begin + size, kFill);
      WipeWritten(begin, size);
      ASSERT_TRUE(IsZeroLong(begin, size)) << size;
      ASSERT_TRUE(begin[-1] == kFill && begin[size] == kFill);
    }
  }
}

TEST_P(Bytes, WipeBytesTakesAnyAddressAndLength) {
  for (size_t offset = 0; offset < 17; ++offset) {
    for (size_t size = 0; size < 70; ++size) {
      Slot slot(128, 16, kFill);
      WipeBytes(slot.bytes + offset, size);
      ASSERT_EQ(static_cast<size_t>(std::count(slot.storage.begin(), slot.storage.end(), 0)), size);
      ASSERT_TRUE(size == 0 || (slot.bytes[offset] == 0 && slot.bytes[offset + size - 1] == 0));
    }
  }
}

}  // namespace
}  // namespace secure_alloc
