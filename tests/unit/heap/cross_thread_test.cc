// Objects that are freed by other threads than those that allocated them.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "allocator/heap/standard_heaps.h"
#include "tests/unit/heap/objects.h"
#include "tests/unit/seed.h"

namespace secure_alloc {
namespace {

using test::Object;

constexpr size_t kThreads = 4;
constexpr int kRounds = 40000;

class Mailbox {
 public:
  void Put(const Object& object, entry::Call call) {
    std::lock_guard lock(mutex_);
    objects_.push_back({object, call});
  }
  bool Take(Object* object, entry::Call* call) {
    std::lock_guard lock(mutex_);
    if (objects_.empty()) return false;
    *object = objects_.back().first;
    *call = objects_.back().second;
    objects_.pop_back();
    return true;
  }

 private:
  std::mutex mutex_;
  std::vector<std::pair<Object, entry::Call>> objects_;
};

size_t RandomSize(test::Random& random) {
  const uint64_t kind = random() % 64;
  return 1 + random() % (kind < 50 ? 300 : kind < 63 ? 9000 : 120000);
}

struct Counts {
  std::atomic<long> allocated = 0, freed = 0, damaged = 0, dirty = 0;
};

void FreeOne(Mailbox& mailbox, Counts& counts) {
  Object object;
  entry::Call call = test::kPublic;
  if (!mailbox.Take(&object, &call)) return;
  if (!object.IsIntact()) ++counts.damaged;
  entry::Free(object.bytes, call);
  ++counts.freed;
}

TEST(CrossThread, FreesLoseNothingAndGiveNothingTwice) {
  ASSERT_TRUE(entry::Start());
  const uint64_t seed = test::Seed();
  std::array<Mailbox, kThreads> mailboxes;
  Counts counts;
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      test::Random random(seed + t);
      for (int round = 0; round < kRounds; ++round) {
        const entry::Call call = test::kBoth[random() % 2];
        bool was_zero = false;
        const Object object = test::Make(RandomSize(random), random(), call, &was_zero);
        ASSERT_NE(object.bytes, nullptr);
        ++counts.allocated;
        if (!was_zero) ++counts.dirty;
        mailboxes[random() % kThreads].Put(object, call);
        FreeOne(mailboxes[t], counts);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  while (counts.freed < counts.allocated) {
    const long before = counts.freed;
    for (Mailbox& mailbox : mailboxes) FreeOne(mailbox, counts);
    ASSERT_GT(counts.freed, before);
  }
  EXPECT_EQ(counts.damaged, 0) << "two owners of one slot";
  EXPECT_EQ(counts.dirty, 0) << "fresh memory was not zero";
  entry::Trim();
  for (Heap* const heap : {&ordinary_heap, &secret_heap}) {
    EXPECT_EQ(heap->GetUsage().slab_bytes, 0u) << "slots lost";
    EXPECT_EQ(heap->GetUsage().large_bytes, 0u);
  }
  EXPECT_EQ(secret_budget.used(), 0u);
}

}  // namespace
}  // namespace secure_alloc
