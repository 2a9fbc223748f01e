#include "allocator/heap/large.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "allocator/heap/standard_heaps.h"
#include "allocator/os/os.h"
#include "tests/unit/heap/objects.h"
#include "tests/unit/seed.h"

namespace secure_alloc {
namespace {

using test::AreZero;
using test::kBoth;
using test::kPublic;
using test::kSecret;
using test::Object;

constexpr size_t kShort = 50000, kLong = 200000;

class Large : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(entry::Start());
    entry::Trim();
  }
  static unsigned char* Allocate(size_t size, entry::Call call) {
    return static_cast<unsigned char*>(entry::Allocate(size, call));
  }
};

TEST_F(Large, ObjectsAreZeroAndEndBehindTheirLastByte) {
  for (const entry::Call call : kBoth) {
    for (const size_t size : {size_t{32768}, kShort, kLong, 2 * kMiB, 5 * kMiB + 1}) {
      for (int i = 0; i < 3; ++i) {
        bool was_zero = false;
        const Object object = test::Make(size, 7, call, &was_zero);
        ASSERT_NE(object.bytes, nullptr);
        EXPECT_TRUE(was_zero) << size;
        EXPECT_EQ(entry::UsableSize(object.bytes, call), size);
        EXPECT_NE(object.bytes[size], 0) << "the check byte";
        entry::Free(object.bytes, call);
      }
    }
  }
}

TEST_F(Large, TheRunFreedLastIsNeverNext) {
  for (const entry::Call call : kBoth) {
    for (const size_t size : {kShort, kLong}) {
      std::vector<void*> held;
      test::Random random(test::Seed());
      for (int i = 0; i < 300; ++i) {
        void* const freed = Allocate(size, call);
        entry::Free(freed, call);
        void* const next = Allocate(size, call);
        ASSERT_NE(next, freed);
        held.push_back(next);
        if (held.size() > 2) {
          std::swap(held[test::Below(random, held.size())], held.back());
          entry::Free(held.back(), call);
          held.pop_back();
        }
      }
      for (void* const object : held) entry::Free(object, call);
    }
  }
}

TEST_F(Large, WaitingRunsAreReusedOldestFirst) {
  for (const entry::Call call : kBoth) {
    void* const a = Allocate(kShort, call);
    void* const b = Allocate(kShort, call);
    void* const c = Allocate(kShort, call);
    for (void* const object : {b, a, c}) entry::Free(object, call);
    EXPECT_EQ(Allocate(kShort, call), b);
    EXPECT_EQ(Allocate(kShort, call), a);
    void* const fresh = Allocate(kShort, call);
    EXPECT_NE(fresh, c);
    for (void* const object : {a, b, fresh}) entry::Free(object, call);
  }
}

TEST_F(Large, ARunFarTooLongIsCutAndTheRestWaits) {
  unsigned char* const a = static_cast<unsigned char*>(Allocate(kLong, kPublic));
  void* const b = Allocate(kLong, kPublic);
  entry::Free(a, kPublic);
  entry::Free(b, kPublic);
  constexpr size_t kPart = kLong / 2 - 4 * kPageSize;
  unsigned char* const first = Allocate(kPart, kPublic);
  EXPECT_EQ(first, a);
  void* const second = Allocate(kPart, kPublic);  // Not what was cut off last.
  EXPECT_EQ(second, b);
  unsigned char* const third = Allocate(kPart, kPublic);
  EXPECT_GT(third, a);
  EXPECT_LT(third, a + kLong);
  // Each between guards.
  const auto write = [](unsigned char* byte) { *static_cast<volatile unsigned char*>(byte) = 1; };
  EXPECT_EXIT(write(first + RoundUp(kPart + 1, kPageSize)), testing::KilledBySignal(SIGSEGV), "");
  EXPECT_EXIT(write(third - 1), testing::KilledBySignal(SIGSEGV), "");
  for (void* const object : {static_cast<void*>(first), second, static_cast<void*>(third)}) {
    entry::Free(object, kPublic);
  }
}

TEST_F(Large, AFreedSecretIsWipedWhileItWaits) {
  for (const size_t size : {kShort, kLong}) {
    unsigned char* const object = Allocate(size, kSecret);
    std::fill_n(object, size, 0x5A);
    entry::Free(object, kSecret);
    EXPECT_TRUE(AreZero(object, RoundUp(size + 1, kPageSize)));
  }
}

TEST_F(Large, AlignedObjectsLieAtTheirAlignment) {
  for (const entry::Call call : kBoth) {
    for (size_t alignment = 32; alignment <= 8 * kMiB; alignment *= 2) {
      for (const size_t size : {size_t{1}, size_t{100}, size_t{4000}, kShort}) {
        void* const object = entry::AllocateAligned(alignment, size, call);
        ASSERT_NE(object, nullptr) << alignment;
        EXPECT_EQ(Address(object) % alignment, 0u);
        EXPECT_EQ(entry::UsableSize(object, call), size);
        entry::Free(object, call);
      }
    }
  }
}

TEST_F(Large, TheQueueHoldsNoMoreThanItsLimit) {
  secret_heap.large().SetQueuedLimit(256 * kKiB);
  std::vector<void*> objects;
  for (int i = 0; i < 60; ++i) objects.push_back(Allocate(kShort, kSecret));
  for (void* const object : objects) entry::Free(object, kSecret);
  const PageRecord& usage = secret_pages.usage();
  size_t used = 0;
  for (const Counter& bytes : usage.used_bytes) used += bytes.get();
  // With two guards to each run.
  EXPECT_LE(used, 256 * kKiB + 5 * 2 * kPageSize);
  EXPECT_GT(used, 0u);
}

TEST_F(Large, TrimGivesEverythingBack) {
  std::vector<std::pair<void*, entry::Call>> objects;
  for (const entry::Call call : kBoth) {
    for (size_t size = 40000; size < 4 * kMiB; size = size * 3 / 2) {
      objects.push_back({Allocate(size, call), call});
    }
  }
  for (const auto& [object, call] : objects) entry::Free(object, call);
  entry::Trim();
  EXPECT_EQ(ordinary_heap.large().live_bytes(), 0u);
  EXPECT_EQ(secret_heap.large().live_bytes(), 0u);
  EXPECT_EQ(secret_budget.used(), 0u);
}

using LargeDeathTest = Large;

TEST_F(LargeDeathTest, AWriteIntoAWaitingRunIsSeenAtReuse) {
  for (const entry::Call call : kBoth) {
    unsigned char* const object = Allocate(kLong, call);
    entry::Free(object, call);
    *const_cast<volatile unsigned char*>(object) = 1;
    const auto reuse = [&] {
      for (int i = 0; i < 64; ++i) entry::Free(Allocate(kLong, call), call);
    };
    // Without the sentence: GoogleTest's child has another descriptor 2.
    EXPECT_EXIT(reuse(), testing::KilledBySignal(SIGABRT), "");
    *const_cast<volatile unsigned char*>(object) = 0;
  }
}

TEST_F(LargeDeathTest, TheFirstByteBehindTheRunFaults) {
  for (const entry::Call call : kBoth) {
    unsigned char* const object = Allocate(kLong, call);
    volatile unsigned char* const end = object + RoundUp(kLong + 1, os::PageSize());
    EXPECT_EXIT(*end = 1, testing::KilledBySignal(SIGSEGV), "");
    EXPECT_EXIT(const_cast<volatile unsigned char*>(object)[-1] = 1,
                testing::KilledBySignal(SIGSEGV), "");
    entry::Free(object, call);
  }
}

}  // namespace
}  // namespace secure_alloc
