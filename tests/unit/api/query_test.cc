// What secalloc_query says about memory that is not the library's own: what the kernel says.
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <iterator>
#include <thread>

#include "allocator/entry/entry.h"
#include "secure_alloc/secure_alloc.h"

namespace {

constexpr size_t kPage = 4096;
constexpr int kYes = 1, kNo = 0, kNotKnown = -1;

struct Answer {
  int protection;
  int dumped;
  bool operator==(const Answer&) const = default;
};

Answer Ask(const void* address) {
  secalloc_info info;
  EXPECT_EQ(secalloc_query(address, &info), 0);
  EXPECT_EQ(info.ours, 0);
  EXPECT_EQ(info.live, 0);
  EXPECT_EQ(info.access, -1);
  return {info.protection, info.dumped};
}

// The middle one of three pages, so that it is a mapping of its own as soon as it differs.
char* Page() {
  char* const pages = static_cast<char*>(
      mmap(nullptr, 3 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  return pages == MAP_FAILED ? nullptr : pages + kPage;
}

TEST(Query, OrdinaryMemoryOfOthersIsPlainAndDumped) {
  const int variable = 0;
  EXPECT_EQ(Ask(&variable), (Answer{SECALLOC_PLAIN, kYes}));
  EXPECT_EQ(Ask(Page() + 100), (Answer{SECALLOC_PLAIN, kYes}));
}

// Who asks about an address may do so while another thread frees what lies there.
TEST(Query, ObjectsMayComeAndGoMeanwhile) {
  constexpr size_t kSize = 2000000;
  constexpr secure_alloc::entry::Call kPublic = {0, nullptr};
  std::atomic<char*> places[4] = {};
  std::atomic<bool> done = false;
  std::thread other([&] {
    for (int i = 0; i < 5000; ++i) {
      for (auto& place : places) {
        place = static_cast<char*>(secure_alloc::entry::Allocate(kSize, kPublic));
      }
      for (auto& place : places) secure_alloc::entry::Free(place, kPublic);
    }
    done = true;
  });
  for (size_t i = 0; !done; ++i) {
    const char* const start = places[i % std::size(places)];
    secalloc_info info;
    if (start != nullptr) EXPECT_EQ(secalloc_query(start + kSize / 2, &info), 0);
  }
  other.join();
}

TEST(Query, FilesAreDumpedByTheProcessesFilter) {
  EXPECT_EQ(Ask(reinterpret_cast<const void*>(&Ask)), (Answer{SECALLOC_PLAIN, kNotKnown}));
}

TEST(Query, LockedMemoryOfOthersIsLockedAndMayBeDumped) {
  char* const page = Page();
  // By the kernel: with the address sanitizer mlock(3) and munlock(3) do nothing.
  ASSERT_EQ(syscall(SYS_mlock, page, kPage), 0);
  EXPECT_EQ(Ask(page), (Answer{SECALLOC_LOCKED, kYes}));
  ASSERT_EQ(madvise(page, kPage, MADV_DONTDUMP), 0);
  EXPECT_EQ(Ask(page + kPage - 1), (Answer{SECALLOC_LOCKED, kNo}));
  EXPECT_EQ(Ask(page - 1), (Answer{SECALLOC_PLAIN, kYes}));
  EXPECT_EQ(Ask(page + kPage), (Answer{SECALLOC_PLAIN, kYes}));
  ASSERT_EQ(syscall(SYS_munlock, page, kPage), 0);
  EXPECT_EQ(Ask(page), (Answer{SECALLOC_PLAIN, kNo}));
}

TEST(Query, SecretMemoryOfOthersIsSecret) {
  const int file = static_cast<int>(syscall(SYS_memfd_secret, O_CLOEXEC));
  if (file < 0) GTEST_SKIP() << "SKIP: kernel: no memfd_secret(2)";
  ASSERT_EQ(ftruncate(file, kPage), 0);
  void* const page = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ASSERT_NE(page, MAP_FAILED);
  EXPECT_EQ(Ask(page), (Answer{SECALLOC_SECRET, kNo}));
  close(file);
}

TEST(Query, NothingIsKnownWhereNothingIs) {
  for (const uintptr_t address : {uintptr_t{0}, uintptr_t{1} << 62, UINTPTR_MAX}) {
    EXPECT_EQ(Ask(reinterpret_cast<const void*>(address)), (Answer{SECALLOC_PLAIN, kNotKnown}));
  }
  char* const page = Page();
  munmap(page, kPage);
  EXPECT_EQ(Ask(page), (Answer{SECALLOC_PLAIN, kNotKnown}));
  errno = 0;
  EXPECT_EQ(secalloc_query(page, nullptr), -1);
  EXPECT_EQ(errno, EINVAL);
}

}  // namespace
