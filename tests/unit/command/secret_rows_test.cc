#include "preload/command/doctor/secret_rows.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

namespace secure_alloc {
namespace {

using Step = SecretProbe::Step;

Row RowFor(const SecretProbe& probe, const char* release, const char* command_line = "quiet") {
  return SecretRow(probe, ParseKernelVersion(release), command_line);
}

bool Fixes(const Row& row, const char* text) {
  return row.state == State::kMissing && row.fix.find(text) != std::string::npos;
}

TEST(SecretRow, WorksNeedsNoFix) {
  const Row row = RowFor({Step::kDone, 0, 0}, "6.18.44");
  EXPECT_EQ(row.state, State::kOk);
  EXPECT_EQ(row.fix, "");
}

TEST(SecretRow, AbsenceIsExplainedByTheKernel) {
  const SecretProbe absent{Step::kCall, ENOSYS, 0};
  EXPECT_TRUE(Fixes(RowFor(absent, "5.10.0-28-amd64"), "5.14"));
  EXPECT_TRUE(Fixes(RowFor(absent, "6.1.0-18-amd64"), "add secretmem.enable=1"));
  EXPECT_TRUE(Fixes(RowFor(absent, "6.1.0-18-amd64", "secretmem.enable=0 quiet"), "take"));
  EXPECT_TRUE(Fixes(RowFor(absent, "6.12.1"), "CONFIG_SECRETMEM"));
  EXPECT_TRUE(Fixes(RowFor(absent, "6.12.1", "secretmem.enable=0"), "take secretmem.enable=0"));
}

TEST(SecretRow, SandboxesAndLimitsAreNamed) {
  EXPECT_TRUE(Fixes(RowFor({Step::kCall, EPERM, 0}, "6.12.1"), "seccomp"));
  const Row killed = RowFor({Step::kCall, 0, SIGSYS}, "6.12.1");
  EXPECT_TRUE(Fixes(killed, "seccomp"));
  EXPECT_NE(killed.value.find("SIGSYS"), std::string::npos);
  EXPECT_TRUE(Fixes(RowFor({Step::kMap, EAGAIN, 0}, "6.12.1"), "memlock"));
  EXPECT_TRUE(Fixes(RowFor({Step::kTouch, EFAULT, 0}, "6.12.1"), "memlock"));
  EXPECT_TRUE(Fixes(RowFor({Step::kCall, EMFILE, 0}, "6.12.1"), "ulimit -n"));
}

TEST(KernelVersion, IsComparedByNumber) {
  EXPECT_LT(ParseKernelVersion("5.4.0"), ParseKernelVersion("5.14.0"));
  EXPECT_LT(ParseKernelVersion("5.19"), ParseKernelVersion("6.1"));
  EXPECT_EQ(ParseKernelVersion("nonsense"), (KernelVersion{0, 0}));
}

TEST(LockLimitRow, DependsOnPrivilegeAndAccounting) {
  constexpr unsigned long long kMiB = 1 << 20;
  const auto state = [](LockLimit limit, SecretAccounting accounting) {
    return LockLimitRow(limit, accounting).state;
  };
  EXPECT_EQ(state({8 * kMiB, 8 * kMiB, false}, SecretAccounting::kAtMmap), State::kLimited);
  EXPECT_EQ(state({8 * kMiB, 8 * kMiB, true}, SecretAccounting::kAtMmap), State::kOk);
  // Root is not exempt where the limit bites at the touch.
  EXPECT_EQ(state({8 * kMiB, 8 * kMiB, true}, SecretAccounting::kAtTouch), State::kLimited);
  EXPECT_EQ(state({0, 0, false}, SecretAccounting::kAtMmap), State::kMissing);
  EXPECT_EQ(state({0, RLIM_INFINITY, false}, SecretAccounting::kAtMmap), State::kOk);
  EXPECT_NE(LockLimitRow({0, 0, false}, SecretAccounting::kAtMmap).fix.find("LimitMEMLOCK="),
            std::string::npos);
}

}  // namespace
}  // namespace secure_alloc
