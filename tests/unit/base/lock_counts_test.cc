#include "allocator/base/lock_counts.h"

#include <gtest/gtest.h>

#include "tests/unit/captured.h"

namespace secure_alloc {
namespace {

// The table is the whole process's, so one test has all of it.
TEST(LockCounts, TellsALineForEachFileThatHasLocksInUse) {
  LockCounts quiet("quiet.h"), busy("busy.h"), busier("busy.h");
  [[maybe_unused]] const LockCounts unused("unused.h");
  quiet.CountTaken();
  busy.CountTaken();
  busy.CountTaken();
  busy.CountWait(false);
  for (int i = 0; i < 5; ++i) busier.CountTaken();
  busier.CountWait(true);
  const std::string told = test::Captured(LockCounts::WriteAll);
  EXPECT_EQ(told,
            "secure_alloc: locks of quiet.h: 1 in use, 1 taken, 0 waited, 0 slept, 1 busiest\n"
            "secure_alloc: locks of busy.h: 2 in use, 7 taken, 2 waited, 1 slept, 5 busiest\n");
}

}  // namespace
}  // namespace secure_alloc
