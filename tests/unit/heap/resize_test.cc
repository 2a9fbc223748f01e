// Objects that change their size in place, against what they must then hold.
#include <gtest/gtest.h>

#include <algorithm>

#include "allocator/heap/live_object.h"
#include "tests/unit/heap/objects.h"
#include "tests/unit/seed.h"

namespace secure_alloc {
namespace {

using test::AreZero;
using test::kBoth;
using test::Object;

// Fewer steps with objects that take long to fill.
int Steps(size_t size) { return size < 100000 ? 200 : 40; }

class Resize : public testing::TestWithParam<size_t> {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(entry::Start()); }

  Object New(entry::Call call) {
    bool was_zero = false;
    Object object = test::Make(GetParam(), 1, call, &was_zero);
    EXPECT_TRUE(was_zero);
    return object;
  }
};

TEST_P(Resize, InPlaceKeepsContentsAndWipesTheTail) {
  test::Random random(test::Seed());
  for (const entry::Call call : kBoth) {
    Object object = New(call);
    int in_place = 0;
    for (int step = 0; step < Steps(GetParam()); ++step) {
      const size_t size = 1 + random() % (GetParam() + GetParam() / 8 + 32);
      if (!TryResize(object.bytes, size, nullptr)) continue;
      ++in_place;
      ASSERT_EQ(entry::UsableSize(object.bytes, call), size);
      const size_t kept = std::min(size, object.size);
      ASSERT_TRUE(object.IsIntact(kept)) << object.size << " to " << size;
      ASSERT_TRUE(AreZero(object.bytes + kept, size - kept)) << object.size << " to " << size;
      object.size = size;
      object.Fill();
    }
    EXPECT_GT(in_place, Steps(GetParam()) / 8);
    entry::Free(object.bytes, call);
  }
}

TEST_P(Resize, AShrunkenTailIsGoneAtOnce) {
  for (const entry::Call call : kBoth) {
    const Object object = New(call);
    const size_t size = GetParam() - GetParam() / 4;
    ASSERT_TRUE(TryResize(object.bytes, size, nullptr));
    // One check byte behind the object, perhaps another at the slot's end.
    ASSERT_TRUE(AreZero(object.bytes + size + 1, GetParam() - size - 1));
    entry::Free(object.bytes, call);
  }
}

TEST_P(Resize, NeverInPlaceIntoFarTooMuchOrTooLittle) {
  for (const entry::Call call : kBoth) {
    const Object object = New(call);
    EXPECT_FALSE(TryResize(object.bytes, GetParam() * 2 + 2 * kPageSize, nullptr));
    EXPECT_FALSE(TryResize(object.bytes, GetParam() / 3, nullptr));
    EXPECT_TRUE(object.IsIntact()) << "a refusal changes nothing";
    entry::Free(object.bytes, call);
  }
}

TEST_P(Resize, MovedObjectsKeepTheirContents) {
  test::Random random(test::Seed());
  for (const entry::Call call : kBoth) {
    Object object = New(call);
    for (int step = 0; step < Steps(GetParam()) / 2; ++step) {
      const size_t size = 1 + random() % (3 * GetParam());
      object.bytes = static_cast<unsigned char*>(entry::Resize(object.bytes, size, call));
      ASSERT_NE(object.bytes, nullptr);
      const size_t kept = std::min(size, object.size);
      ASSERT_TRUE(object.IsIntact(kept));
      ASSERT_TRUE(AreZero(object.bytes + kept, size - kept));
      object.size = size;
      object.Fill();
    }
    entry::Free(object.bytes, call);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Resize,
                         testing::Values(47, 100, 1000, 5000, 20000, 32767, 60000, 200000,
                                         3000000));

}  // namespace
}  // namespace secure_alloc
