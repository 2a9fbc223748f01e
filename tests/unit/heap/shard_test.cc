// Threads that work at the same time have slabs of their own.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <set>
#include <thread>
#include <vector>

#include "allocator/heap/standard_heaps.h"
#include "allocator/heap/thread_cache.h"
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

#ifndef __SANITIZE_ADDRESS__  // Whose own heap then ends the process.
class NoMoreAddressSpace {
 public:
  NoMoreAddressSpace() {
    EXPECT_EQ(getrlimit(RLIMIT_AS, &old_), 0);
    const rlimit none = {1, old_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_AS, &none), 0);
  }
  ~NoMoreAddressSpace() { EXPECT_EQ(setrlimit(RLIMIT_AS, &old_), 0); }

 private:
  rlimit old_;
};

// ... or there is no room in the vector.
void AllocateUntilRefused(size_t size, std::vector<void*>* objects) {
  while (objects->size() < objects->capacity()) {
    void* const object = entry::Allocate(size, kPublic);
    if (object == nullptr) return;
    objects->push_back(object);
  }
}

// Takes the caches of threads that ended, too. Where there is memory for more it goes on for ever.
void DoWithoutACache() {
  do {
    thread_cache = &no_cache;
    entry::Free(entry::Allocate(1, kPublic), kPublic);
  } while (thread_cache != &no_cache);
}

// How many objects can be had without more address space, once other sizes have taken what pages
// are left.
size_t CountServed(bool has_cache) {
  std::vector<void*> others, objects;
  others.reserve(kCount);
  objects.reserve(kCount);
  {
    const NoMoreAddressSpace none;
    if (!has_cache) DoWithoutACache();
    AllocateUntilRefused(16000, &others);
    AllocateUntilRefused(kSize, &objects);
  }
  FreeAll(others);
  FreeAll(objects);
  return objects.size();
}

TEST_F(Shard, WhereMemoryIsShortThoseOfOthersServe) {
  FreeAll(AllocateAll());
  size_t served = 0;
  InAnotherThread([&] {
    entry::Free(entry::Allocate(kSize, kPublic), kPublic);
    served = CountServed(/*has_cache=*/true);
  });
  EXPECT_GE(served, 1000u);
}

TEST_F(Shard, TheyServeThreadsWithoutACacheToo) {
  size_t served = 0;
  InAnotherThread([&] {
    FreeAll(AllocateAll());
    served = CountServed(/*has_cache=*/false);
  });
  EXPECT_GE(served, 1000u);
}

TEST_F(Shard, WhatAThreadWithoutACacheFreesIsNotNext) {
  InAnotherThread([] {
    FreeAll(AllocateAll());
    const NoMoreAddressSpace none;
    DoWithoutACache();
    for (int i = 0; i < 100; ++i) {
      void* const freed = entry::Allocate(kSize, kPublic);
      ASSERT_NE(freed, nullptr);
      entry::Free(freed, kPublic);
      void* const next = entry::Allocate(kSize, kPublic);
      EXPECT_NE(next, freed);
      entry::Free(next, kPublic);
    }
  });
}
#endif

}  // namespace
}  // namespace secure_alloc
