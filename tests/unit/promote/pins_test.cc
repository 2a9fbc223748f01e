// Pages that a device may write to stay where they are.
#include <errno.h>
#include <gtest/gtest.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tests/unit/promote/range.h"

namespace secure_alloc::test {
namespace {

constexpr int kSecret = SECALLOC_MADV_SECRET;

// A ring with these pages as its registered buffer, or -1.
int PinPages(void* begin, size_t bytes) {
  struct io_uring_params parameters = {};
  const int ring = static_cast<int>(syscall(SYS_io_uring_setup, 4, &parameters));
  if (ring < 0) return -1;
  const struct iovec buffer = {begin, bytes};
  EXPECT_EQ(syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &buffer, 1), 0);
  return ring;
}

bool KernelTellsPins() {
  int major, minor;
  struct utsname name;
  uname(&name);
  return sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
         (major > 6 || (major == 6 && minor >= 8));
}

// Needs both: a ring to pin with, and the kernel's word.
bool CanPin(int ring) { return ring >= 0 && KernelTellsPins(); }
constexpr char kCannot[] =
    "SKIP: kernel: no io_uring, or no userfaultfd that sees pins before Linux 6.8";

void ExpectRefused(const Range& range) {
  for (const int method : kMethods) {
    EXPECT_EQ(range.Advise(kSecret | method), EBUSY);
    EXPECT_FALSE(IsSecretToKernel(range.begin()));
  }
  EXPECT_TRUE(range.IsIntact());
}

// All of it, or a page in the middle: what had been moved away before that goes back.
TEST(Pins, AreRefused) {
  for (const size_t pinned : {8, 1}) {
    const Range range(8);
    const int ring = PinPages(range.at(pinned == 1 ? 5 : 0), pinned * kPage);
    if (!CanPin(ring)) GTEST_SKIP() << kCannot;
    ExpectRefused(range);
    close(ring);
    // The kernel lets go a moment later.
    int error = EBUSY;
    for (int i = 0; i < 1000 && error == EBUSY; ++i, usleep(1000)) error = range.Advise(kSecret);
    EXPECT_EQ(error, 0);
    EXPECT_TRUE(range.IsIntact());
  }
}

// What was demoted, or is of a heap, has the flags of the library's own mappings: Linux may join it
// with those.
TEST(Pins, AreSeenAfterADemotion) {
  for (const size_t pages : {1, 2, 4, 8}) {
    const Range range(pages);
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(range.Advise(kSecret), 0);
      ASSERT_EQ(range.Advise(SECALLOC_MADV_NORMAL), 0);
    }
    const int ring = PinPages(range.begin(), range.bytes());
    if (!CanPin(ring)) GTEST_SKIP() << kCannot;
    ExpectRefused(range);
    close(ring);
  }
}

}  // namespace
}  // namespace secure_alloc::test
