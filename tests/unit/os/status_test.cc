// What /proc says of a process, however long that is.
#include <errno.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "allocator/os/os.h"
#include "tests/unit/child.h"

namespace secure_alloc::test {
namespace {

constexpr int kSkipped = 77;

int LookAtFigures() {
  const size_t length = os::PageSize();
  void* const page =
      mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const size_t before = os::LockedMemory();
  // Sanitizers make nothing of mlock(2).
  if (page == MAP_FAILED || syscall(SYS_mlock, page, length) != 0) return 1;
  if (os::LockedMemory() < before + length) return 2;
  return os::Threads() == 1 ? 0 : 3;
}

TEST(Status, TellsLockedMemoryAndThreads) { EXPECT_EQ(InChild(LookAtFigures), 0); }

// Their names come first in it.
TEST(Status, TellsThemBehindManyGroups) {
  const int result = InChild([] {
    std::vector<gid_t> groups(2000);
    for (size_t i = 0; i < groups.size(); ++i) groups[i] = static_cast<gid_t>(1000000000 + i);
    if (setgroups(groups.size(), groups.data()) != 0) return errno == EPERM ? kSkipped : 10;
    return LookAtFigures();
  });
  if (result == kSkipped) GTEST_SKIP() << "SKIP: machine: groups can be set by root alone";
  EXPECT_EQ(result, 0);
}

}  // namespace
}  // namespace secure_alloc::test
