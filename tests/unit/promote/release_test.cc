// Promoted objects that are freed while their pages can't be made ordinary.
#include <gtest/gtest.h>
#include <limits.h>
#include <unistd.h>

#include <random>
#include <vector>

#include "allocator/promote/promoter.h"
#include "tests/unit/heap/objects.h"
#include "tests/unit/promote/range.h"
#include "tests/unit/promote/refusal.h"

namespace secure_alloc {
namespace {

using test::Object;
using test::Refusal;

constexpr size_t kSlab = 3000, kGuarded = 100000, kAlone = 80 << 20;

Object Make(size_t size) {
  bool was_zero;
  const Object object = test::Make(size, size, test::kPublic, &was_zero);
  EXPECT_TRUE(was_zero) << size;
  return object;
}

Object MakePromoted(size_t size) {
  const Object object = Make(size);
  EXPECT_EQ(secalloc_mark(object.bytes, SECALLOC_MADV_SECRET), 0) << size;
  return object;
}

void Free(const Object& object) { entry::Free(object.bytes, test::kPublic); }

// Objects of all kinds come to lie wherever something was, one or many at a time, and go.
void UseTheHeap() {
  std::mt19937 random(7);
  std::vector<Object> objects;
  for (int step = 0; step < 2000; ++step) {
    if (objects.size() < 100 && random() % 8 != 0) {
      objects.push_back(Make(random() % 4 != 0 ? 33000 + random() % 300000 : 1 + random() % 8000));
      continue;
    }
    const size_t victim = random() % objects.size();
    EXPECT_TRUE(objects[victim].IsIntact());
    Free(objects[victim]);
    objects.erase(objects.begin() + static_cast<long>(victim));
    if (step % 16 == 0) entry::Trim();
  }
  for (const Object& object : objects) Free(object);
  entry::Trim();
}

TEST(Release, DoesWithoutTheOldPages) {
  for (const size_t size : {kSlab, kGuarded, kAlone}) {
    const size_t before = test::Stats().promoted_bytes;
    const Object object = MakePromoted(size);
    {
      const Refusal refusal(Step::kAlias, 0, INT_MAX);
      Free(object);
      EXPECT_FALSE(size == kGuarded && promoter.HasPromoted(object.bytes));
      entry::Trim();
      EXPECT_TRUE(refusal.happened());
      EXPECT_FALSE(test::IsSecretToKernel(object.bytes)) << size;
    }
    UseTheHeap();
    EXPECT_EQ(test::Stats().promoted_bytes, before) << size;
  }
}

// Refused, then: they stay secret, and known as such; whoever comes there finds zeros.
TEST(Release, MayComeLater) {
  for (const Step step : {Step::kTable, Step::kFresh}) {
    for (const size_t size : {kSlab, kGuarded}) {
      const size_t before = test::Stats().promoted_bytes;
      {
        std::vector<Object> objects;
        for (int i = 0; i < 20; ++i) objects.push_back(MakePromoted(size));
        const Refusal refusal(step, 0, INT_MAX);
        for (const Object& object : objects) Free(object);
        entry::Trim();
        EXPECT_TRUE(refusal.happened());
        EXPECT_GT(test::Stats().promoted_bytes, before);
        UseTheHeap();
      }
      UseTheHeap();
      EXPECT_EQ(test::Stats().promoted_bytes, before) << size;
    }
  }
}

// Pages that wait move to where longer objects are, others do.
TEST(Release, MovesNothingMeanwhile) {
  const size_t before = test::Stats().promoted_bytes;
  for (int i = 0; i < 40; ++i) {  // What was live before is forgotten.
    Free(Make(kGuarded));
    usleep(5000);
  }
  const Object object = MakePromoted((1 << 20) - 1);  // In one file.
  {
    const Refusal refusal(Step::kFresh, 0, INT_MAX);
    Free(object);
    EXPECT_TRUE(refusal.happened());
  }
  const Object longer = Make(20 << 20);
  EXPECT_FALSE(test::IsSecretToKernel(longer.bytes));
  Free(longer);
  entry::Trim();
  EXPECT_EQ(test::Stats().promoted_bytes, before);
}

// An arena of one object: nobody comes there any more.
TEST(Release, LosesArenasThatStaySecret) {
  const Object object = MakePromoted(kAlone);
  {
    const Refusal refusal(Step::kFresh, 0, INT_MAX);
    Free(object);
    EXPECT_TRUE(test::IsSecretToKernel(object.bytes));
  }
  UseTheHeap();
  EXPECT_TRUE(test::IsSecretToKernel(object.bytes));
  EXPECT_TRUE(test::AreZero(object.bytes, kAlone));
}

}  // namespace
}  // namespace secure_alloc
