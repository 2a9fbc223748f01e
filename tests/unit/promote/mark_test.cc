// secalloc_mark on objects of our ordinary heap, and of the C library's malloc.
#include <errno.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <string.h>

#include <vector>

#include "allocator/heap/standard_heaps.h"
#include "tests/unit/heap/objects.h"
#include "tests/unit/promote/range.h"

namespace secure_alloc {
namespace {

using test::kPage;
using test::Object;

Object MakeOrdinary(size_t size) {
  bool was_zero;
  Object object = test::Make(size, size + 1, test::kPublic, &was_zero);
  EXPECT_TRUE(was_zero);
  return object;
}

void Free(const Object& object) { entry::Free(object.bytes, test::kPublic); }

int Mark(void* pointer, int advice) {
  errno = 0;
  return secalloc_mark(pointer, advice) == 0 ? 0 : errno;
}

char* PageOf(const void* address) {
  return reinterpret_cast<char*>(reinterpret_cast<uintptr_t>(address) & ~(kPage - 1));
}

TEST(Mark, TakesTheWholeObjectFromAnyPointerIntoIt) {
  for (const size_t size : {1, 100, 5000, 30000, 100000, 3 << 20}) {
    const Object object = MakeOrdinary(size);
    ASSERT_EQ(Mark(object.bytes + size / 2, SECALLOC_MADV_SECRET), 0) << size;
    EXPECT_TRUE(test::IsSecret(object.bytes) && test::IsSecret(object.bytes + size - 1));
    EXPECT_TRUE(object.IsIntact());
    struct secalloc_info info;
    ASSERT_EQ(secalloc_query(object.bytes, &info), 0);
    EXPECT_EQ(info.ours, 1);
    EXPECT_EQ(info.live, 1);
    EXPECT_EQ(info.size, size);
    EXPECT_STREQ(info.domain, "public");
    ASSERT_EQ(Mark(object.bytes, SECALLOC_MADV_NORMAL), 0);
    EXPECT_FALSE(test::IsSecretToKernel(object.bytes));
    EXPECT_TRUE(object.IsIntact());
    Free(object);
  }
}

TEST(Mark, NeighboursComeAlongAndQueriesSaySo) {
  std::vector<Object> objects;
  for (int i = 0; i < 200; ++i) objects.push_back(MakeOrdinary(100));
  ASSERT_EQ(Mark(objects[100].bytes, SECALLOC_MADV_SECRET), 0);
  int together = 0;
  for (const Object& object : objects) {
    const bool same_page = PageOf(object.bytes) == PageOf(objects[100].bytes);
    together += same_page;
    EXPECT_EQ(test::IsSecret(object.bytes),
              same_page || PageOf(object.bytes) == PageOf(objects[100].bytes + 99));
    EXPECT_TRUE(object.IsIntact());
  }
  EXPECT_GT(together, 1);
  for (const Object& object : objects) Free(object);
}

TEST(Mark, ExactWantsWholePages) {
  const Object small = MakeOrdinary(100), large = MakeOrdinary(200000);
  EXPECT_EQ(Mark(small.bytes, SECALLOC_MADV_SECRET | SECALLOC_EXACT), EINVAL);
  EXPECT_FALSE(test::IsSecretToKernel(small.bytes));
  EXPECT_EQ(Mark(large.bytes, SECALLOC_MADV_SECRET | SECALLOC_EXACT), 0);
  EXPECT_TRUE(test::IsSecret(large.bytes));
  Free(small);
  Free(large);
}

TEST(Mark, WipesTheObjectAndNothingElse) {
  const Object object = MakeOrdinary(100), other = MakeOrdinary(100);
  ASSERT_EQ(Mark(object.bytes, SECALLOC_MADV_WIPE), 0);
  EXPECT_TRUE(test::AreZero(object.bytes, 100));
  EXPECT_TRUE(other.IsIntact());
  Free(object);  // Its check bytes hold, or this is a fault.
  Free(other);
}

TEST(Mark, RefusesWhatIsNoObject) {
  const Object object = MakeOrdinary(100);
  char* const freed = reinterpret_cast<char*>(object.bytes);
  Free(object);
  EXPECT_EQ(Mark(freed, SECALLOC_MADV_SECRET), EINVAL);
#ifndef __SANITIZE_ADDRESS__  // Whose malloc knows its own objects only.
  char local = 0;
  EXPECT_EQ(Mark(&local, SECALLOC_MADV_SECRET | SECALLOC_EXACT), EINVAL);
  EXPECT_EQ(Mark(&local, SECALLOC_MADV_WIPE), EINVAL);
#endif
  EXPECT_EQ(Mark(freed, SECALLOC_MADV_RESERVE), EINVAL);
}

TEST(Mark, SecretObjectsAreSecretAlready) {
  void* const object = secalloc_malloc(100);
  EXPECT_EQ(Mark(object, SECALLOC_MADV_SECRET), 0);
  EXPECT_EQ(Mark(object, SECALLOC_MADV_NORMAL), EINVAL);
  secalloc_free(object);
}

#ifndef __SANITIZE_ADDRESS__
TEST(Mark, OfOtherMemoryTakesThePage) {
  const test::Range range(3);
  ASSERT_EQ(Mark(range.at(1) + 77, SECALLOC_MADV_SECRET), 0);
  for (size_t page = 0; page < 3; ++page) EXPECT_EQ(test::IsSecret(range.at(page)), page == 1);
  EXPECT_TRUE(range.IsIntact());
}
#endif

// This program's malloc is the C library's.
TEST(Mark, KnowsTheCLibrarysObjects) {
  for (const size_t size : {24, 100, 9000, 300000}) {
    std::vector<char*> objects;
    for (int i = 0; i < 50; ++i) {
      objects.push_back(static_cast<char*>(malloc(size)));
      memset(objects.back(), i, size);
    }
    char* const object = objects[25];
    ASSERT_EQ(Mark(object, SECALLOC_MADV_SECRET), 0) << size;
    EXPECT_TRUE(test::IsSecret(object) && test::IsSecret(object + malloc_usable_size(object) - 1));
    // The C library goes on with its neighbours.
    for (int i = 0; i < 50; i += 2) free(objects[i]);
    for (int i = 0; i < 50; i += 2) objects[i] = static_cast<char*>(malloc(size));
    for (size_t i = 0; i < size; ++i) ASSERT_EQ(object[i], 25);
    objects[25] = static_cast<char*>(realloc(object, 3 * size));
    for (size_t i = 0; i < size; ++i) ASSERT_EQ(objects[25][i], 25);
    for (char* each : objects) free(each);
  }
  malloc_trim(0);
}

// --- After free ---------------------------------------------------------------------

// What pages of the C library's heap, which never come back, still hold.
class Freed : public testing::Test {
 protected:
  Freed() {
    secalloc_trim();
    before_ = test::Stats();
  }
  void ExpectNothingSecret() const {
    EXPECT_EQ(test::Stats().promoted_bytes, before_.promoted_bytes);
    EXPECT_TRUE(test::ReadPool().zero);
    secalloc_trim();
    EXPECT_EQ(test::Stats().arena_bytes, before_.arena_bytes);
  }
  struct secalloc_stats before_;
};

TEST_F(Freed, LargeObjectsAreOrdinaryAtOnce) {
  for (const size_t size : {100000, 3 << 20, 80 << 20}) {
    const Object object = MakeOrdinary(size);
    ASSERT_EQ(Mark(object.bytes, SECALLOC_MADV_SECRET), 0) << size;
    EXPECT_GE(test::Stats().promoted_bytes, size);
    Free(object);
    EXPECT_FALSE(test::IsSecretToKernel(object.bytes));
    ExpectNothingSecret();
  }
}

TEST_F(Freed, SmallObjectsPagesAreOrdinaryWithTheirSlab) {
  const Object other = MakeOrdinary(50);  // Its arena stays.
  std::vector<Object> objects;
  for (int i = 0; i < 500; ++i) objects.push_back(MakeOrdinary(1000));
  for (int i = 0; i < 500; i += 50) ASSERT_EQ(Mark(objects[i].bytes, SECALLOC_MADV_SECRET), 0);
  EXPECT_GE(test::Stats().promoted_bytes, 10 * kPage);
  for (const Object& object : objects) {
    ASSERT_TRUE(object.IsIntact());
    Free(object);
  }
  secalloc_trim();
  for (int i = 0; i < 500; i += 50) EXPECT_FALSE(test::IsSecretToKernel(objects[i].bytes));
  ExpectNothingSecret();
  // The pages are zero and whole: they are used again.
  for (Object& object : objects) object = MakeOrdinary(1000);
  for (const Object& object : objects) Free(object);
  EXPECT_TRUE(other.IsIntact());
  Free(other);
  secalloc_trim();
}

TEST_F(Freed, SmallObjectsPagesAreOrdinaryWithoutTheirSlab) {
  constexpr size_t kCount = 40, kSize = 12000;
  std::vector<Object> objects;
  for (size_t i = 0; i < kCount; ++i) objects.push_back(MakeOrdinary(kSize));
  for (const Object& object : objects) ASSERT_EQ(Mark(object.bytes, SECALLOC_MADV_SECRET), 0);
  for (size_t i = 0; i < kCount; i += 2) Free(objects[i]);
  secalloc_trim();
  // Pages in the middle: others may lie in the first and the last.
  for (size_t i = 0; i < kCount; ++i) {
    EXPECT_EQ(test::IsSecretToKernel(objects[i].bytes + kSize / 2), i % 2 != 0) << i;
  }
  for (size_t i = 1; i < kCount; i += 2) {
    EXPECT_TRUE(objects[i].IsIntact());
    Free(objects[i]);
  }
  secalloc_trim();
  ExpectNothingSecret();
}

TEST(Realloc, WhatWasPromotedStaysSecret) {
  for (const size_t size : {100, 100000}) {
    const Object object = MakeOrdinary(size);
    ASSERT_EQ(Mark(object.bytes, SECALLOC_MADV_SECRET), 0);
    Object moved = object;
    moved.bytes = static_cast<unsigned char*>(entry::Resize(object.bytes, 4 * size, test::kPublic));
    ASSERT_NE(moved.bytes, nullptr);
    EXPECT_TRUE(moved.IsIntact(size));
    struct secalloc_info info;
    ASSERT_EQ(secalloc_query(moved.bytes, &info), 0);
    EXPECT_EQ(info.protection, SECALLOC_SECRET);
    EXPECT_STREQ(info.domain, "secret");
    entry::Free(moved.bytes, test::kPublic);
  }
  secalloc_trim();
}

}  // namespace
}  // namespace secure_alloc
