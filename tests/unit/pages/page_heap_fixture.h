// A page heap over two fake sources: a secret one, then a locked one.
#pragma once

#include <gtest/gtest.h>

#include "allocator/pages/page_heap.h"
#include "allocator/pages/space.h"
#include "tests/unit/pages/fake_source.h"

namespace secure_alloc::test {

inline constexpr PageHeapPolicy kPolicy = {
    .first_step = 16, .last_step = 512, .record_pages = 1, .arena_pages = 0, .kept_empty = 0};

class PageHeapTest : public testing::Test {
 public:
  explicit PageHeapTest(const PageHeapPolicy& policy = kPolicy) : policy_(policy) {}

 protected:
  using Run = secure_alloc::Run;  // Not testing::Test's.

  static void SetUpTestSuite() { ASSERT_TRUE(space.Init()); }
  void SetUp() override { heap_.SetLadder(ladder_, 2); }

  Run Take(unsigned order) {
    Run run;
    int error = 0;
    EXPECT_TRUE(heap_.TryTake(order, &run, &error)) << error;
    return run;
  }
  Run TakeGuarded(Pages count, size_t alignment, bool* guarded) {
    Run run;
    int error = 0;
    EXPECT_TRUE(heap_.TryTakeGuarded(count, alignment, &run, guarded, &error)) << error;
    return run;
  }
  int ErrorOfTake(unsigned order) {
    Run run;
    int error = 0;
    EXPECT_FALSE(heap_.TryTake(order, &run, &error));
    return error;
  }

  const PageHeapPolicy& policy_;
  Refusals refusals_;
  FakeSource first_{Protection::kSecret, &refusals_};
  FakeSource second_{Protection::kLocked, &refusals_};
  const Source* ladder_[2] = {&first_, &second_};
  Budget budget_{64 * kMiB};
  PageHeap heap_{policy_, first_, &budget_};
};

}  // namespace secure_alloc::test
