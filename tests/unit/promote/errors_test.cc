// Every errno that the public header names, and memory that stays as it was.
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

#include "tests/unit/child.h"
#include "tests/unit/promote/range.h"

namespace secure_alloc::test {
namespace {

constexpr int kSecret = SECALLOC_MADV_SECRET;

// Refused, and everything as it was.
void ExpectRefused(const Range& range, int error, int advice = kSecret) {
  const int protection = ProtectionOf(range.begin());
  EXPECT_EQ(range.Advise(advice), error);
  EXPECT_EQ(ProtectionOf(range.begin()), protection);
  EXPECT_FALSE(IsSecretToKernel(range.begin()));
  EXPECT_EQ(Stats().promoted_bytes, 0u);
}

TEST(Einval, Arguments) {
  const Range range(2);
  EXPECT_EQ(Range::Advise(range.begin() + 1, kPage, kSecret), EINVAL);
  EXPECT_EQ(Range::Advise(range.begin(), 100, kSecret), EINVAL);
  for (const int advice : {0, 5, 0x80, kSecret | 0x400, kSecret | 0x4000, kSecret | 0x10000, -1,
                           kSecret | SECALLOC_EXACT}) {
    EXPECT_EQ(range.Advise(advice), EINVAL) << advice;
  }
  EXPECT_EQ(range.Advise(SECALLOC_MADV_RESERVE), EINVAL);
  EXPECT_EQ(Range::Advise(range.begin(), 0, kSecret), 0);
}

TEST(Einval, MemoryOfOtherKinds) {
  const Range shared(2, MAP_SHARED | MAP_ANONYMOUS);
  ExpectRefused(shared, EINVAL);
  EXPECT_TRUE(shared.IsIntact());

  const Range executable(2);
  ASSERT_EQ(mprotect(executable.begin(), kPage, PROT_READ | PROT_EXEC), 0);
  ExpectRefused(executable, EINVAL);
  EXPECT_TRUE(executable.IsIntact());

  const Range locked(2);
  ASSERT_EQ(mlock(locked.at(1), kPage), 0);
  ExpectRefused(locked, EINVAL);
  EXPECT_TRUE(locked.IsIntact());
  ASSERT_EQ(munlock(locked.at(1), kPage), 0);
  EXPECT_EQ(locked.Advise(kSecret), 0);

  const int file = open("/proc/self/exe", O_RDONLY);
  void* const mapped = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  close(file);
  ASSERT_NE(mapped, MAP_FAILED);
  EXPECT_EQ(Range::Advise(mapped, kPage, kSecret), EINVAL);
  EXPECT_EQ(memcmp(mapped, "\177ELF", 4), 0);
  munmap(mapped, kPage);
}

// Reading such a page would be a fault.
TEST(Einval, MemoryWithGuards) {
  constexpr int kInstallGuard = 102;  // MADV_GUARD_INSTALL
  const Range range(4);
  if (madvise(range.at(1), kPage, kInstallGuard) != 0) {
    GTEST_SKIP() << "SKIP: kernel: no MADV_GUARD_INSTALL before Linux 6.13";
  }
  for (const int method : kMethods) ExpectRefused(range, EINVAL, kSecret | method);
  EXPECT_TRUE(Range::IsIntact(range.begin(), kPage));
  EXPECT_TRUE(Range::IsIntact(range.at(2), 2 * kPage));
}

// The kernel shows secret memory as "/secretmem (deleted)".
TEST(Einval, FilesOfNearlyThatName) {
  constexpr char kName[] = "/secretmem_of_a_test";
  const int file = open(kName, O_RDWR | O_CREAT, 0600);
  if (file < 0) {
    GTEST_SKIP() << "SKIP: machine: no file can be made in /";
  }
  ASSERT_EQ(ftruncate(file, static_cast<off_t>(kPage)), 0);
  for (const int kind : {MAP_PRIVATE, MAP_SHARED}) {
    void* const mapped = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, kind, file, 0);
    ASSERT_NE(mapped, MAP_FAILED);
    EXPECT_EQ(Range::Advise(mapped, kPage, kSecret), EINVAL);
    EXPECT_FALSE(IsSecretToKernel(mapped));
    munmap(mapped, kPage);
  }
  close(file);
  unlink(kName);
}

TEST(Einval, SecretByOtherMeans) {
  char* const object = static_cast<char*>(secalloc_malloc(2 * kPage));
  ASSERT_NE(object, nullptr);
  char* const page =
      reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(object) + kPage - 1) & ~(kPage - 1));
  EXPECT_EQ(Range::Advise(page, kPage, kSecret), 0);
  EXPECT_EQ(Range::Advise(page, kPage, SECALLOC_MADV_NORMAL), EINVAL);
  EXPECT_EQ(Range::Advise(page, kPage, SECALLOC_MADV_WIPE), EINVAL);
  secalloc_free(object);
}

TEST(Enomem, NotMapped) {
  Range range(3);
  ASSERT_EQ(munmap(range.at(1), kPage), 0);
  for (const int advice : {kSecret, SECALLOC_MADV_NORMAL, SECALLOC_MADV_WIPE}) {
    EXPECT_EQ(range.Advise(advice), ENOMEM);
  }
  EXPECT_FALSE(IsSecretToKernel(range.begin()));
  EXPECT_EQ(Range::Advise(range.at(1), kPage, kSecret), ENOMEM);
  EXPECT_EQ(Range::Advise(reinterpret_cast<void*>(~uintptr_t{0} - kPage + 1), 2 * kPage, kSecret),
            ENOMEM);
  EXPECT_TRUE(Range::IsIntact(range.begin(), kPage));
  range.Disown();
}

TEST(Eacces, WipeOfWhatIsNotWritable) {
  const Range range(2);
  ASSERT_EQ(mprotect(range.at(1), kPage, PROT_READ), 0);
  EXPECT_EQ(range.Advise(SECALLOC_MADV_WIPE), EACCES);
  EXPECT_TRUE(range.IsIntact());
}

TEST(Ebusy, ThreadControlBlock) {
  char* const own = static_cast<char*>(__builtin_thread_pointer());
  char* const page = reinterpret_cast<char*>(reinterpret_cast<uintptr_t>(own) & ~(kPage - 1));
  for (const int method : kMethods) EXPECT_EQ(Range::Advise(page, kPage, kSecret | method), EBUSY);
  int ready[2], done[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(done), 0);
  std::thread other([&] {
    char* const theirs = static_cast<char*>(__builtin_thread_pointer());
    char byte;
    if (write(ready[1], &theirs, sizeof theirs) != sizeof theirs) abort();
    if (read(done[0], &byte, 1) != 1) abort();
  });
  char* theirs;
  ASSERT_EQ(read(ready[0], &theirs, sizeof theirs), static_cast<ssize_t>(sizeof theirs));
  char* const their_page =
      reinterpret_cast<char*>(reinterpret_cast<uintptr_t>(theirs) & ~(kPage - 1));
  for (const int method : kMethods) {
    EXPECT_EQ(Range::Advise(their_page, kPage, kSecret | method), EBUSY);
  }
  // The rest of its stack waits for it with full userfaultfd only.
  char* const stack = their_page - 16 * kPage;
  EXPECT_EQ(Range::Advise(stack, kPage, kSecret | SECALLOC_BY_USER_FAULTS), EBUSY);
  EXPECT_EQ(Range::Advise(stack, kPage, kSecret | SECALLOC_BY_STOPPING), EBUSY);
  EXPECT_EQ(Range::Advise(stack, kPage, kSecret | SECALLOC_BY_FAULTS), 0);
  EXPECT_TRUE(IsSecret(stack));
  EXPECT_EQ(Range::Advise(stack, kPage, SECALLOC_MADV_NORMAL | SECALLOC_BY_FAULTS), 0);
  EXPECT_EQ(write(done[1], "", 1), 1);
  other.join();
}

TEST(Ebusy, TheCallersOwnFrames) {
  char local[16];
  char* const page = reinterpret_cast<char*>(reinterpret_cast<uintptr_t>(local) & ~(kPage - 1));
  for (const int method : kMethods) {
    EXPECT_EQ(Range::Advise(page - kPage, 2 * kPage, kSecret | method), EBUSY);
  }
}

// Frames further up are as safe as any memory, where others wait for them.
TEST(Ebusy, NotTheFramesAbove) {
  alignas(4096) char frame[8 * 4096];
  Range::Fill(frame, sizeof frame);
  ASSERT_EQ(Range::Advise(frame + 4 * kPage, 3 * kPage, kSecret | SECALLOC_BY_FAULTS), 0);
  EXPECT_TRUE(IsSecret(frame + 4 * kPage));
  EXPECT_TRUE(Range::IsIntact(frame, sizeof frame));
  EXPECT_EQ(Range::Advise(frame + 4 * kPage, 3 * kPage, SECALLOC_MADV_NORMAL | SECALLOC_BY_FAULTS),
            0);
  EXPECT_TRUE(Range::IsIntact(frame, sizeof frame));
}

TEST(Ebusy, TheSignalStackWhereSystemCallsDoNotWait) {
  const Range range(16);
  const stack_t stack = {.ss_sp = range.begin(), .ss_flags = 0, .ss_size = range.bytes()};
  ASSERT_EQ(sigaltstack(&stack, nullptr), 0);
  ExpectRefused(range, EBUSY, kSecret | SECALLOC_BY_USER_FAULTS);
  EXPECT_EQ(range.Advise(kSecret | SECALLOC_BY_FAULTS), 0);
  const stack_t none = {.ss_sp = nullptr, .ss_flags = SS_DISABLE, .ss_size = 0};
  ASSERT_EQ(sigaltstack(&none, nullptr), 0);
}

TEST(Ebusy, OpenFilesOfTheCLibrary) {
  FILE* const file = fopen("/dev/null", "r");
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(secalloc_mark(file, kSecret), -1);
  EXPECT_EQ(errno, EBUSY);
  fclose(file);
}

TEST(Ebusy, HeadOfAThreadsArena) {
  std::thread([] {
    void* const first = malloc(100);  // Of a new thread: at the start of its arena.
    EXPECT_EQ(secalloc_mark(first, kSecret), -1);
    EXPECT_EQ(errno, EBUSY);
    free(first);
  }).join();
}

TEST(Ebusy, VariablesOfTheCLibrary) {
  char* const page = reinterpret_cast<char*>(reinterpret_cast<uintptr_t>(&environ) & ~(kPage - 1));
  EXPECT_EQ(Range::Advise(page, kPage, kSecret), EBUSY);
}

TEST(Ebusy, WatchedByAnotherUserfaultfd) {
  const Range range(2);
  const int other = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | 1));
  ASSERT_GE(other, 0);
  struct uffdio_api api = {};
  api.api = UFFD_API;
  ASSERT_EQ(ioctl(other, UFFDIO_API, &api), 0);
  struct uffdio_register watch = {};
  watch.range = {reinterpret_cast<uint64_t>(range.at(1)), kPage};
  watch.mode = UFFDIO_REGISTER_MODE_MISSING;
  ASSERT_EQ(ioctl(other, UFFDIO_REGISTER, &watch), 0);
  ExpectRefused(range, EBUSY);
  close(other);
  EXPECT_TRUE(range.IsIntact());
}

TEST(Ebusy, UnsharedWhileAChildHasTheOldPages) {
  const Range range(2);
  int hold[2];
  ASSERT_EQ(pipe(hold), 0);
  const pid_t child = fork();
  if (child == 0) {
    char byte;
    close(hold[1]);
    _exit(read(hold[0], &byte, 1) < 0);
  }
  ExpectRefused(range, EBUSY, kSecret | SECALLOC_UNSHARED);
  EXPECT_TRUE(range.IsIntact());
  close(hold[1]);
  EXPECT_EQ(EndOf(child), 0);
  EXPECT_EQ(range.Advise(kSecret | SECALLOC_UNSHARED), 0);
  EXPECT_TRUE(range.IsIntact());
  close(hold[0]);
}

// Memory that was never written to is shared with everyone, and tells nothing.
TEST(Ebusy, NotForPagesOfZeros) {
  const Range range(1);
  madvise(range.begin(), kPage, MADV_DONTNEED);
  EXPECT_EQ(*range.begin(), 0);
  EXPECT_EQ(range.Advise(kSecret | SECALLOC_UNSHARED), 0);
}

TEST(Eperm, Sealed) {
  constexpr long kMseal = 462;
  const Range range(3);
  if (syscall(kMseal, range.at(1), kPage, 0) != 0) {
    GTEST_SKIP() << "SKIP: kernel: no mseal(2) before Linux 6.10";
  }
  for (const int method : kMethods) ExpectRefused(range, EPERM, kSecret | method);
  EXPECT_TRUE(range.IsIntact());
}

}  // namespace
}  // namespace secure_alloc::test
