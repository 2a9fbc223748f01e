// Large objects whose pages move to another address instead of their bytes.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <vector>

#include "allocator/heap/live_object.h"
#include "allocator/heap/standard_heaps.h"
#include "allocator/os/os.h"
#include "tests/unit/heap/objects.h"
#include "tests/unit/seed.h"

namespace secure_alloc {
namespace {

using test::AreZero;
using test::kPublic;
using test::kSecret;
using test::Object;

constexpr size_t kSize = 3 * kMiB;

class Move : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(entry::Start());
    entry::Trim();
  }
  static Object New(size_t size, entry::Call call = kPublic) {
    bool was_zero = false;
    const Object object = test::Make(size, 3, call, &was_zero);
    EXPECT_TRUE(was_zero);
    return object;
  }
  // They wait: as many bytes as were live at once may.
  static std::vector<Object> FreeAtOnce(size_t count, size_t size) {
    std::vector<Object> objects;
    for (size_t i = 0; i < count; ++i) objects.push_back(New(size));
    for (const Object& object : objects) entry::Free(object.bytes, kPublic);
    return objects;
  }
};

TEST_F(Move, KeepsContentsAndWipesTheTail) {
  test::Random random(test::Seed());
  Object object = New(kSize, kPublic);
  for (int step = 0; step < 100; ++step) {
    const size_t size = BytesOf(kLeastMoved) + random() % (3 * kSize);
    void* const moved = TryMove(object.bytes, object.size, size);
    ASSERT_NE(moved, nullptr);
    ASSERT_NE(moved, object.bytes);
    object.bytes = static_cast<unsigned char*>(moved);
    ASSERT_EQ(entry::UsableSize(moved, kPublic), size);
    const size_t kept = std::min(size, object.size);
    ASSERT_TRUE(object.IsIntact(kept)) << object.size << " to " << size;
    ASSERT_TRUE(AreZero(object.bytes + kept, size - kept)) << object.size << " to " << size;
    // Nothing behind it but check bytes, which may be one.
    const size_t behind = RoundUp(size + 1, kPageSize) - size;
    ASSERT_TRUE(behind == 1 || AreZero(object.bytes + size + 1, behind - 2))
        << object.size << " to " << size;
    object.size = size;
    object.Fill();
  }
  entry::Free(object.bytes, kPublic);
}

TEST_F(Move, OnlyOrdinaryLargeObjectsAndNotToASmallSize) {
  for (const auto& [size, call] : {std::pair{kSize, kSecret}, {size_t{1000}, kPublic}}) {
    const Object object = New(size, call);
    EXPECT_EQ(TryMove(object.bytes, object.size, 2 * kSize), nullptr);
    entry::Free(object.bytes, call);
  }
  const Object object = New(kSize, kPublic);
  EXPECT_EQ(TryMove(object.bytes, object.size, 40000), nullptr);
  EXPECT_TRUE(object.IsIntact(kSize));
  entry::Free(object.bytes, kPublic);
}

TEST_F(Move, CountsWhatIsLive) {
  const size_t before = ordinary_heap.large().live_bytes();
  void* object = New(kSize, kPublic).bytes;
  for (int i = 1; i < 20; ++i) object = entry::Resize(object, (1 + i % 7) * kSize, kPublic);
  EXPECT_GE(ordinary_heap.large().live_bytes() - before, 6 * kSize);
  entry::Free(object, kPublic);
  EXPECT_EQ(ordinary_heap.large().live_bytes(), before);
}

TEST_F(Move, ARunThatAloneWouldDoComesBackElsewhere) {
  for (int i = 0; i < 20; ++i) {
    const Object freed = New(7 * kSize, kPublic);  // More than two of them may wait.
    entry::Free(freed.bytes, kPublic);
    const Object next = New(7 * kSize - 5000, kPublic);
    EXPECT_NE(next.bytes, freed.bytes);
    entry::Free(next.bytes, kPublic);
  }
}

// Pages that are in the core now.
size_t Resident(const Object& object) {
  std::vector<unsigned char> in_core(object.size / kPageSize);
  if (mincore(object.bytes, in_core.size() * kPageSize, in_core.data()) != 0) return 0;
  return static_cast<size_t>(std::count_if(in_core.begin(), in_core.end(),
                                           [](unsigned char page) { return (page & 1) != 0; }));
}

TEST_F(Move, ALongerObjectTakesThePagesOfAShorterOne) {
  entry::Free(New(7 * kSize, kPublic).bytes, kPublic);
  unsigned char* const longer =
      static_cast<unsigned char*>(entry::Allocate(9 * kSize, kPublic));
  ASSERT_NE(longer, nullptr);
  EXPECT_GE(Resident({longer, 9 * kSize}), 7 * kSize / kPageSize);
  EXPECT_TRUE(AreZero(longer, 9 * kSize));
  entry::Free(longer, kPublic);
}

TEST_F(Move, ALongObjectGathersThePagesOfSeveral) {
  FreeAtOnce(5, kSize);
  unsigned char* const gathered =
      static_cast<unsigned char*>(entry::Allocate(4 * kSize, kPublic));
  ASSERT_NE(gathered, nullptr);
  EXPECT_EQ(Resident({gathered, 4 * kSize}), 4 * kSize / kPageSize);
  EXPECT_GE(ordinary_heap.large().seams(), 3u);
  EXPECT_TRUE(AreZero(gathered, 4 * kSize));
  entry::Free(gathered, kPublic);
  entry::Trim();
  EXPECT_EQ(ordinary_heap.large().seams(), 0u);
}

TEST_F(Move, WhatWasGatheredMovesOn) {
  FreeAtOnce(5, kSize);
  Object object = New(4 * kSize);
  ASSERT_GE(ordinary_heap.large().seams(), 3u);
  object.bytes = static_cast<unsigned char*>(entry::Resize(object.bytes, 9 * kSize, kPublic));
  ASSERT_NE(object.bytes, nullptr);
  EXPECT_TRUE(object.IsIntact(4 * kSize));
  EXPECT_TRUE(AreZero(object.bytes + 4 * kSize, 5 * kSize));
  entry::Free(object.bytes, kPublic);
}

TEST_F(Move, ASeamWhereARunIsCutIsForgotten) {
  constexpr size_t kPiece = 512 * kKiB;
  FreeAtOnce(5, kPiece);
  const Object gathered = New(4 * kPiece);
  ASSERT_GE(ordinary_heap.large().seams(), 3u);
  entry::Trim();
  const Object live = New(4 * kSize);  // So much may wait.
  const Object newest = New(kPiece / 4);
  entry::Free(gathered.bytes, kPublic);
  entry::Free(newest.bytes, kPublic);
  // With the guards behind it, it is as long as what was moved first.
  const Object first = New(kPiece - 2 * BytesOf(SystemPage()));
  EXPECT_EQ(first.bytes, gathered.bytes);
  entry::Free(first.bytes, kPublic);
  entry::Free(live.bytes, kPublic);
  entry::Trim();
  EXPECT_EQ(ordinary_heap.large().seams(), 0u);
}

// The kernel allows so many mappings, of which most are the program's.
TEST_F(Move, SeamsAreLimited) {
  constexpr size_t kPiece = 256 * kKiB;
  std::vector<void*> objects;
  for (int round = 0; round < 700; ++round) {
    FreeAtOnce(9, kPiece);
    unsigned char* const object =
        static_cast<unsigned char*>(entry::Allocate(8 * kPiece, kPublic));
    ASSERT_NE(object, nullptr);
    ASSERT_TRUE(AreZero(object, 8 * kPiece));
    objects.push_back(object);
    ASSERT_EQ(madvise(object, 8 * kPiece, MADV_DONTNEED), 0);
    ASSERT_LE(ordinary_heap.large().seams(), 4096u);
  }
  EXPECT_GT(ordinary_heap.large().seams(), 4000u);
  for (void* const object : objects) entry::Free(object, kPublic);
  entry::Trim();
  EXPECT_EQ(ordinary_heap.large().seams(), 0u);
}

// As much memory is in use as there was at most.
TEST_F(Move, GivesBackWhatMayWaitNoLonger) {
  constexpr size_t kCount = 12;
  char* freed[kCount];
  const auto waiting = [&freed] {
    return std::count_if(freed, freed + kCount, [](char* object) {
      unsigned char in_core = 0;
      return mincore(object + kSize / 2, 1, &in_core) == 0 && (in_core & 1) != 0;
    });
  };
  // What was live before is forgotten, what will be is not.
  ordinary_heap.large().GiveBackStale(os::Milliseconds() + 1000);
  for (char*& object : freed) object = static_cast<char*>(entry::Allocate(kSize, kPublic));
  for (char* const object : freed) object[kSize / 2] = 1;
  for (char* const object : freed) entry::Free(object, kPublic);
  ASSERT_GT(waiting(), 9);
  const Object object = New(BytesOf(kLeastMoved));
  void* const moved = TryMove(object.bytes, object.size, 10 * kSize);
  ASSERT_NE(moved, nullptr);
  EXPECT_LE(waiting(), 3);
  entry::Free(moved, kPublic);
}

using MoveDeathTest = Move;

TEST_F(MoveDeathTest, AWriteIntoARunIsSeenWhenItsPagesMove) {
  const Object freed = New(7 * kSize, kPublic);
  entry::Free(freed.bytes, kPublic);
  freed.bytes[5 * kSize] = 1;
  EXPECT_EXIT(entry::Allocate(9 * kSize, kPublic), testing::KilledBySignal(SIGABRT), "");
  freed.bytes[5 * kSize] = 0;
}

TEST_F(MoveDeathTest, AWriteIntoOneOfSeveralRunsIsSeen) {
  for (const Object& freed : FreeAtOnce(5, kSize)) {
    freed.bytes[kSize / 2] = 1;
    EXPECT_EXIT(entry::Allocate(5 * kSize - 5 * kPageSize, kPublic),
                testing::KilledBySignal(SIGABRT), "");
    freed.bytes[kSize / 2] = 0;
  }
}

TEST_F(MoveDeathTest, TheOldPlaceFaults) {
  const Object object = New(kSize, kPublic);
  void* const moved = TryMove(object.bytes, object.size, 2 * kSize);
  ASSERT_NE(moved, nullptr);
  EXPECT_EXIT(*const_cast<volatile unsigned char*>(object.bytes) = 1,
              testing::KilledBySignal(SIGSEGV), "");
  EXPECT_EXIT(entry::Free(object.bytes, kPublic), testing::KilledBySignal(SIGABRT), "");
  entry::Free(moved, kPublic);
}

TEST_F(MoveDeathTest, AnOverflowIsSeenBehindTheNewEnd) {
  const Object object = New(kSize, kPublic);
  void* const where = TryMove(object.bytes, object.size, 2 * kSize);
  unsigned char* const moved = static_cast<unsigned char*>(where);
  ASSERT_NE(moved, nullptr);
  volatile unsigned char& check = moved[2 * kSize];
  const unsigned char was = check;
  check = static_cast<unsigned char>(was + 1);
  EXPECT_EXIT(entry::Free(moved, kPublic), testing::KilledBySignal(SIGABRT), "");
  check = was;
  entry::Free(moved, kPublic);
}

}  // namespace
}  // namespace secure_alloc
