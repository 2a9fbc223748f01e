// Threads that work at the same time have slabs of their own.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <set>
#include <thread>
#include <vector>

#include "allocator/heap/standard_heaps.h"
#include "allocator/os/os.h"
#include "allocator/slab/slab.h"
#include "tests/unit/heap/objects.h"

namespace secure_alloc {
namespace {

using test::kPublic;

constexpr size_t kSize = 50, kCount = 20000;

std::vector<void*> AllocateAll() {
  std::vector<void*> objects(kCount);
  for (void*& object : objects) object = entry::Allocate(kSize, kPublic);
  return objects;
}

void FreeAll(const std::vector<void*>& objects) {
  for (void* object : objects) entry::Free(object, kPublic);
}

std::set<const Slab*> SlabsOf(const std::vector<void*>& objects) {
  std::set<const Slab*> slabs;
  for (const void* object : objects) slabs.insert(Slab::Of(object));
  return slabs;
}

template <typename Work>
void InAnotherThread(Work work) {
  std::thread(work).join();
}

class Shard : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(entry::Start());
    entry::Trim();
    if (os::Cpus() < 2) GTEST_SKIP() << "SKIP: machine: one CPU";
  }
};

TEST_F(Shard, ThreadsHaveSlabsOfTheirOwn) {
  const std::vector<void*> ours = AllocateAll();
  std::vector<void*> theirs;
  InAnotherThread([&] { theirs = AllocateAll(); });
  const std::set<const Slab*> our_slabs = SlabsOf(ours);
  for (const Slab* const slab : SlabsOf(theirs)) EXPECT_FALSE(our_slabs.contains(slab));
  FreeAll(ours);
  FreeAll(theirs);
}

TEST_F(Shard, WhatOthersFreeComesBack) {
  for (int round = 0; round < 20; ++round) {
    const std::vector<void*> objects = AllocateAll();
    InAnotherThread([&] { FreeAll(objects); });
    // But for what the threads keep, and what waits for them.
    ASSERT_LT(ordinary_heap.GetUsage().slab_bytes, 2 * kCount * kSize) << round;
  }
}

TEST_F(Shard, WhereMemoryIsShortThoseOfOthersServe) {
  FreeAll(AllocateAll());
  size_t served = 0;
  InAnotherThread([&] {
    entry::Free(entry::Allocate(kSize, kPublic), kPublic);
    std::vector<void*> objects;
    objects.reserve(kCount);
    rlimit old;
    ASSERT_EQ(getrlimit(RLIMIT_AS, &old), 0);
    // Other sizes take what pages are left.
    const rlimit none = {1, old.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_AS, &none), 0);
    std::vector<void*> others;
    others.reserve(kCount);
    while (others.size() < kCount) {
      void* const other = entry::Allocate(16000, kPublic);
      if (other == nullptr) break;
      others.push_back(other);
    }
    while (objects.size() < kCount) {
      void* const object = entry::Allocate(kSize, kPublic);
      if (object == nullptr) break;
      objects.push_back(object);
    }
    served = objects.size();
    ASSERT_EQ(setrlimit(RLIMIT_AS, &old), 0);
    FreeAll(objects);
    FreeAll(others);
  });
  EXPECT_GE(served, 1000u);
}

}  // namespace
}  // namespace secure_alloc
