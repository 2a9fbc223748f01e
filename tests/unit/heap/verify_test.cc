// Looking at all live objects at any moment: a signal handler may, by exit(3).
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/time.h>

#include "allocator/heap/live_object.h"
#include "allocator/heap/standard_heaps.h"
#include "allocator/heap/verify.h"
#include "tests/unit/heap/objects.h"
#include "tests/unit/seed.h"

namespace secure_alloc {
namespace {

using test::kBoth;

constexpr int kLooks = 500;

volatile sig_atomic_t looks = 0;

// One signal. The next is only asked for when this one was served: on a slow machine a look takes
// longer, and the program is to go on in between.
void ArmTimer() {
  const struct itimerval timer = {{0, 0}, {0, 50}};
  setitimer(ITIMER_REAL, &timer, nullptr);  // Fails for wrong arguments only.
}

void Look(int) {
  ForEachOrdinaryPages(CheckLiveObjects);
  CheckLiveObjects(secret_pages);
  looks = looks + 1;
  if (looks < kLooks) ArmTimer();
}

class Verify : public testing::TestWithParam<size_t> {
 protected:
  static void SetUpTestSuite() {
    ASSERT_TRUE(entry::Start());
    signal(SIGALRM, Look);
  }

  void SetUp() override {
    looks = 0;
    ArmTimer();
  }
};

TEST_P(Verify, FindsObjectsWholeWhileTheyComeAndGo) {
  while (looks < kLooks) {
    for (const entry::Call call : kBoth) {
      entry::Free(entry::Allocate(GetParam(), call), call);
    }
  }
}

TEST_P(Verify, FindsObjectsWholeWhileTheyChangeTheirSize) {
  test::Random random(test::Seed());
  void* objects[2];
  for (int i = 0; i < 2; ++i) objects[i] = entry::Allocate(GetParam(), kBoth[i]);
  while (looks < kLooks) {
    const size_t size = GetParam() - random() % (GetParam() / 3);
    for (void* const object : objects) ASSERT_TRUE(TryResize(object, size, nullptr));
  }
  for (int i = 0; i < 2; ++i) entry::Free(objects[i], kBoth[i]);
}

INSTANTIATE_TEST_SUITE_P(Sizes, Verify, testing::Values(24, 100, 3000, 50000));

}  // namespace
}  // namespace secure_alloc
