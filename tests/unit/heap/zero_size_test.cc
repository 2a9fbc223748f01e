// What objects of size zero take up, and give back.
#include <gtest/gtest.h>

#include <vector>

#include "allocator/base/system_page.h"
#include "allocator/heap/standard_heaps.h"
#include "tests/unit/heap/objects.h"

namespace secure_alloc {
namespace {

size_t UsedPages() { return zero_size_pages.usage().used_bytes[0].get() / BytesOf(SystemPage()); }

size_t Arenas() { return zero_size_pages.usage().arenas[0].get(); }

std::vector<void*> MakeMany(size_t alignment) {
  std::vector<void*> objects(256);
  for (void*& object : objects) object = entry::AllocateAligned(alignment, 0, test::kPublic);
  return objects;
}

void FreeAll(const std::vector<void*>& objects) {
  for (void* const object : objects) entry::Free(object, test::kPublic);
}

TEST(ZeroSize, ManyShareAPageAsSlots) {
  FreeAll(MakeMany(32));
  const size_t before = UsedPages();
  const std::vector<void*> objects = MakeMany(32);
  EXPECT_LE(UsedPages(), before + 4) << "a slab more";
  FreeAll(objects);
  EXPECT_EQ(UsedPages(), before);
}

TEST(ZeroSize, AlignedBeyondASlotEachHasAPageThatGoesBack) {
  FreeAll(MakeMany(64));
  const size_t before = UsedPages();
  for (const size_t alignment : {64u, 4096u, 65536u}) {
    const std::vector<void*> objects = MakeMany(alignment);
    EXPECT_EQ(UsedPages(), before + objects.size());
    FreeAll(objects);
    EXPECT_EQ(UsedPages(), before) << "the last one waits, as one did before";
  }
}

TEST(ZeroSize, AnArenaOfItsOwnGoesAtOnce) {
  (void)zero_size_pages.Trim();
  const size_t before = Arenas();
  void* const object = entry::AllocateAligned(size_t{1} << 30, 0, test::kPublic);
  EXPECT_EQ(Arenas(), before + 1);
  entry::Free(object, test::kPublic);
  EXPECT_EQ(Arenas(), before);
}

}  // namespace
}  // namespace secure_alloc
