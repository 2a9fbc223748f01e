// The world's limits: each gives its errno, and memory stays as it was.
#include <errno.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/child.h"
#include "tests/unit/promote/range.h"
#include "tests/unit/promote/refused.h"

namespace secure_alloc::test {
namespace {

constexpr int kSecret = SECALLOC_MADV_SECRET;
constexpr size_t kMiB = 1 << 20;

TEST(Eagain, Budget) {
  EXPECT_EQ(InChild([] {
              setenv("SECALLOC_OPTIONS", "budget=64K", 1);
              const Range range(17);
              if (const int result = CheckRefused(range, EAGAIN)) return result;
              if (Range::Advise(range.begin(), 16 * kPage, kSecret) != 0) return 10;
              if (Range::Advise(range.at(16), kPage, kSecret) != EAGAIN) return 11;
              if (Range::Advise(nullptr, kPage, SECALLOC_MADV_RESERVE) != EAGAIN) return 12;
              // What the program unmaps itself can be had again.
              munmap(range.begin(), 16 * kPage);
              return Range::Advise(range.at(16), kPage, kSecret) == 0 ? 0 : 13;
            }),
            0);
}

// Files of other sizes make room.
TEST(Eagain, NotWhileThePoolHasIt) {
  EXPECT_EQ(InChild([] {
              setenv("SECALLOC_OPTIONS", "budget=64K", 1);
              const Range range(16);
              for (int i = 0; i < 16; ++i) {
                if (Range::Advise(nullptr, kPage, SECALLOC_MADV_RESERVE) != 0) return 10;
              }
              return range.Advise(kSecret) == 0 && range.IsIntact() ? 0 : 11;
            }),
            0);
}

TEST(Eagain, LockedMemory) {
  EXPECT_EQ(InChild([] {
              setenv("SECALLOC_OPTIONS", "budget=64M", 1);
              Lower(RLIMIT_MEMLOCK, 256 * 1024);
              BecomeNobody();
              // The pages that can be had are promoted, and demoted again.
              const Range range(600);
              if (const int result = CheckRefused(range, EAGAIN)) return result;
              return Range::Advise(range.begin(), 8 * kPage, kSecret) == 0 ? 0 : 10;
            }),
            0);
}

TEST(Eagain, FileSize) {
  EXPECT_EQ(InChild([] {
              Lower(RLIMIT_FSIZE, 16 * kPage);
              const Range range(16), larger(64);
              if (range.Advise(kSecret) != 0) return 10;
              return Range::Advise(larger.begin(), larger.bytes(), kSecret) == EAGAIN ? 0 : 11;
            }),
            0);
}

TEST(Eagain, Descriptors) {
  EXPECT_EQ(InChild([] {
              const Range range(4);
              Lower(RLIMIT_NOFILE, 64);
              while (dup(0) >= 0) {
              }
              const int result = CheckRefused(range, EAGAIN);
              close(63);
              close(62);
              close(61);
              close(60);
              return result != 0 ? result : range.Advise(kSecret) == 0 ? 0 : 10;
            }),
            0);
}

// The thread that takes a demotion's event.
TEST(Eagain, Threads) {
  EXPECT_EQ(InChild([] {
              setenv("SECALLOC_OPTIONS", "budget=256K", 1);
              Lower(RLIMIT_NPROC, 1);
              BecomeNobody();
              const Range range(2);
              if (range.Advise(kSecret) != 0) return 10;
              const int error = range.Advise(SECALLOC_MADV_NORMAL | SECALLOC_BY_USER_FAULTS);
              if (error != EAGAIN) return error == 0 ? 11 : error;
              if (!IsSecret(range.begin()) || !range.IsIntact()) return 12;
              return range.Advise(SECALLOC_MADV_NORMAL | SECALLOC_BY_STOPPING) == 0 ? 0 : 13;
            }),
            0);
}

constexpr size_t kManyPages = 140000;

// One entry for each page, until there are no more; *next: the page that could not have one.
char* SpendMapEntries(size_t* next) {
  char* const pages = static_cast<char*>(
      mmap(nullptr, kManyPages * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  for (*next = 0; *next < kManyPages; *next += 2) {
    if (mprotect(pages + *next * kPage, kPage, PROT_READ) != 0) return pages;
  }
  return nullptr;
}

// Whatever there is too little for can be undone with what there is.
TEST(Enomem, FewMapEntries) {
  EXPECT_EQ(InChild([] {
              const Range range(3);
              char* const middle = range.at(1);
              if (Range::Advise(nullptr, kPage, SECALLOC_MADV_RESERVE) != 0) return 9;
              size_t page;
              char* const pages = SpendMapEntries(&page);
              if (pages == nullptr) return 8;
              int done = 0;
              for (int freed = 0; freed < 14; ++freed) {
                for (const int method : kMethods) {
                  const int there = Range::Advise(middle, kPage, kSecret | method);
                  if (IsSecretToKernel(middle) != (there == 0)) return 10;
                  const int back = Range::Advise(middle, kPage, SECALLOC_MADV_NORMAL | method);
                  if ((there != 0 && there != ENOMEM) || (back != 0 && back != ENOMEM)) return 11;
                  if (!range.IsIntact()) return 12;
                  done += there == 0 && back == 0;
                }
                page -= 2;
                if (mprotect(pages + page * kPage, kPage, PROT_NONE) != 0) return 13;
              }
              return done > 0 ? 0 : 14;
            }),
            0);
}

TEST(Enomem, MapEntries) {
  EXPECT_EQ(InChild([] {
              const Range range(64);
              if (Range::Advise(nullptr, kPage, SECALLOC_MADV_RESERVE) != 0) return 9;
              size_t page;
              char* const pages = SpendMapEntries(&page);
              if (pages == nullptr) return 8;
              if (const int result = CheckRefused(range, ENOMEM)) return result;
              munmap(pages, kManyPages * kPage);
              return range.Advise(kSecret) == 0 && range.IsIntact() ? 0 : 10;
            }),
            0);
}

#ifndef __SANITIZE_ADDRESS__  // Which takes terabytes of address space.
// vm.overcommit_memory=2 is the machine's; an address space that is full is a process's.
TEST(Enomem, AddressSpace) {
  EXPECT_EQ(InChild([] {
              setenv("SECALLOC_OPTIONS", "budget=64M", 1);
              Lower(RLIMIT_AS, 900 * kMiB);
              const Range range(2000);
              if (range.Advise(kSecret) != 0) return 10;  // Also starts the library.
              if (range.Advise(SECALLOC_MADV_NORMAL) != 0) return 11;
              secalloc_trim();
              while (mmap(nullptr, 64 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
                     MAP_FAILED) {
              }
              return CheckRefused(range, ENOMEM);
            }),
            0);
}
#endif

}  // namespace
}  // namespace secure_alloc::test
