// Memory changes its protection where it lies: nothing is lost, and the kernel agrees.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/unit/promote/range.h"

namespace secure_alloc::test {
namespace {

class ByMethod : public testing::TestWithParam<int> {
 protected:
  int Secret() const { return SECALLOC_MADV_SECRET | GetParam(); }
  int Normal() const { return SECALLOC_MADV_NORMAL | GetParam(); }
};

TEST_P(ByMethod, KeepsContentsAndProtection) {
  for (const size_t pages : {1, 3, 25, 256, 700}) {
    for (const int protection : {PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE}) {
      const Range range(pages);
      ASSERT_EQ(mprotect(range.begin(), range.bytes(), protection), 0);
      ASSERT_EQ(range.Advise(Secret()), 0) << pages;
      EXPECT_TRUE(IsSecret(range.begin()) && IsSecret(range.at(pages - 1)));
      EXPECT_FALSE(IsSecret(range.begin() - 1) || IsSecret(range.at(pages)));
      EXPECT_TRUE(IsSecretToKernel(range.begin()));
      EXPECT_EQ(ProtectionOf(range.begin()), protection);
      EXPECT_FALSE(IsReadableByOthers(range.begin()));
      ASSERT_EQ(range.Advise(Normal()), 0);
      EXPECT_FALSE(IsSecret(range.begin()) || IsSecretToKernel(range.begin()));
      EXPECT_EQ(ProtectionOf(range.begin()), protection);
      ASSERT_EQ(mprotect(range.begin(), range.bytes(), PROT_READ | PROT_WRITE), 0);
      EXPECT_TRUE(range.IsIntact());
      EXPECT_TRUE(IsReadableByOthers(range.begin()));
    }
  }
}

// One counter for each thread, on the same page.
TEST_P(ByMethod, LosesNoWriteOfOtherThreads) {
  constexpr int kWriters = 3, kRounds = 60;
  const Range range(5);
  memset(range.begin(), 0, range.bytes());
  std::atomic<bool> stop = false;
  std::vector<uint64_t> counts(kWriters);
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&, i] {
      // A word of its own, one that all count in, and one on another page.
      auto* const own = reinterpret_cast<std::atomic<uint64_t>*>(range.at(0) + 64 * i);
      auto* const all = reinterpret_cast<std::atomic<uint64_t>*>(range.at(0) + 1024);
      auto* const far = reinterpret_cast<volatile uint64_t*>(range.at(3) + 64 * i);
      while (!stop) {
        ++*own;
        ++*all;
        *far = *far + 1;
        ++counts[i];
      }
    });
  }
  for (int round = 0; round < kRounds; ++round) {
    ASSERT_EQ(range.Advise(Secret()), 0);
    ASSERT_EQ(range.Advise(Normal()), 0);
  }
  stop = true;
  for (std::thread& writer : writers) writer.join();
  uint64_t sum = 0;
  for (int i = 0; i < kWriters; ++i) {
    EXPECT_EQ(*reinterpret_cast<uint64_t*>(range.at(0) + 64 * i), counts[i]);
    EXPECT_EQ(*reinterpret_cast<uint64_t*>(range.at(3) + 64 * i), counts[i]);
    sum += counts[i];
  }
  EXPECT_EQ(*reinterpret_cast<uint64_t*>(range.at(0) + 1024), sum);
}

TEST_P(ByMethod, LeavesNothingBehind) {
  const Range range(25);
  ASSERT_EQ(range.Advise(Secret()), 0);
  ASSERT_EQ(range.Advise(Normal()), 0);
  secalloc_trim();
  const size_t descriptors = Descriptors(), mappings = Mappings();
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(range.Advise(Secret()), 0);
    ASSERT_EQ(range.Advise(Normal()), 0);
  }
  secalloc_trim();
  EXPECT_EQ(Descriptors(), descriptors);
  EXPECT_LE(Mappings(), mappings + 1);  // The kernel may not have merged all of them.
  EXPECT_EQ(Stats().promoted_bytes + Stats().promotion_pool_bytes, 0u);
  EXPECT_EQ(Stats().arena_bytes, 0u);
}

TEST_P(ByMethod, LeavesNoContentsInThePool) {
  for (const int protection : {PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE}) {
    const Range range(25);
    ASSERT_EQ(range.Advise(Secret()), 0);
    ASSERT_EQ(mprotect(range.begin(), range.bytes(), protection), 0);
    ASSERT_EQ(range.Advise(Normal()), 0);
    const PoolContents pool = ReadPool();
    EXPECT_EQ(pool.bytes, 25 * kPage);
    EXPECT_EQ(pool.bytes, Stats().promotion_pool_bytes);
    EXPECT_TRUE(pool.zero) << protection;
    secalloc_trim();
  }
}

INSTANTIATE_TEST_SUITE_P(Methods, ByMethod, testing::ValuesIn(kMethods));

// A pipe that was given a page by vmsplice(2) shows what is in the old page now.
class OldPage {
 public:
  explicit OldPage(const char* page) {
    EXPECT_EQ(pipe(pipe_), 0);
    const struct iovec pages = {const_cast<char*>(page), kPage};
    EXPECT_EQ(vmsplice(pipe_[1], &pages, 1, 0), static_cast<ssize_t>(kPage));
  }
  ~OldPage() {
    close(pipe_[0]);
    close(pipe_[1]);
  }
  bool IsZero() const {
    char contents[kPage];
    if (read(pipe_[0], contents, kPage) != static_cast<ssize_t>(kPage)) return false;
    for (const char byte : contents) {
      if (byte != 0) return false;
    }
    return true;
  }

 private:
  int pipe_[2];
};

TEST_P(ByMethod, WipesTheOldPages) {
  for (const int protection : {PROT_READ | PROT_WRITE, PROT_READ}) {
    const Range range(3);
    const OldPage untouched(range.at(0));
    EXPECT_FALSE(untouched.IsZero());
    const OldPage first(range.at(0)), last(range.at(2));
    ASSERT_EQ(mprotect(range.begin(), range.bytes(), protection), 0);
    ASSERT_EQ(range.Advise(Secret()), 0);
    EXPECT_TRUE(first.IsZero() && last.IsZero());
    EXPECT_TRUE(range.IsIntact());
  }
}

TEST(Promoter, GoesMappingByMapping) {
  const Range range(9);
  ASSERT_EQ(mprotect(range.at(2), kPage, PROT_READ), 0);
  ASSERT_EQ(mprotect(range.at(5), 2 * kPage, PROT_NONE), 0);
  ASSERT_EQ(range.Advise(SECALLOC_MADV_SECRET), 0);
  for (size_t page = 0; page < 9; ++page) EXPECT_TRUE(IsSecret(range.at(page)));
  EXPECT_EQ(ProtectionOf(range.at(1)), PROT_READ | PROT_WRITE);
  EXPECT_EQ(ProtectionOf(range.at(2)), PROT_READ);
  EXPECT_EQ(ProtectionOf(range.at(6)), PROT_NONE);
  ASSERT_EQ(mprotect(range.begin(), range.bytes(), PROT_READ | PROT_WRITE), 0);
  EXPECT_TRUE(range.IsIntact());
}

TEST(Promoter, TakesMoreMappingsThanItLooksAtAtOnce) {
  constexpr size_t kPages = 150;
  const Range range(kPages);
  for (size_t page = 1; page < kPages; page += 2) {
    ASSERT_EQ(mprotect(range.at(page), kPage, PROT_READ), 0);
  }
  ASSERT_EQ(range.Advise(SECALLOC_MADV_SECRET), 0);
  for (size_t page = 0; page < kPages; ++page) ASSERT_TRUE(IsSecret(range.at(page))) << page;
  EXPECT_TRUE(range.IsIntact());
}

TEST(Promoter, SecretStaysSecretAndOrdinaryOrdinary) {
  const Range range(4);
  EXPECT_EQ(range.Advise(SECALLOC_MADV_NORMAL), 0);
  ASSERT_EQ(Range::Advise(range.at(1), kPage, SECALLOC_MADV_SECRET), 0);
  ASSERT_EQ(range.Advise(SECALLOC_MADV_SECRET), 0);
  EXPECT_EQ(Stats().promoted_bytes, 4 * kPage);
  ASSERT_EQ(range.Advise(SECALLOC_MADV_SECRET), 0);
  EXPECT_EQ(Stats().promoted_bytes, 4 * kPage);
  EXPECT_TRUE(range.IsIntact());
}

TEST(Promoter, APartCanBeDemoted) {
  const Range range(8);
  ASSERT_EQ(range.Advise(SECALLOC_MADV_SECRET), 0);
  ASSERT_EQ(Range::Advise(range.at(2), 3 * kPage, SECALLOC_MADV_NORMAL), 0);
  for (size_t page = 0; page < 8; ++page) EXPECT_EQ(IsSecret(range.at(page)), page < 2 || page > 4);
  EXPECT_TRUE(range.IsIntact());
  EXPECT_EQ(Stats().promoted_bytes, 5 * kPage);
  EXPECT_GE(Stats().arena_bytes, 8 * kPage);  // The kernel has all of the file, until it dies.
  ASSERT_EQ(range.Advise(SECALLOC_MADV_NORMAL), 0);
  EXPECT_TRUE(range.IsIntact());
  secalloc_trim();
  EXPECT_EQ(Stats().arena_bytes, 0u);
}

TEST(Promoter, WipeZeroesAndKeepsTheProtection) {
  const Range range(2);
  ASSERT_EQ(Range::Advise(range.at(1), kPage, SECALLOC_MADV_SECRET), 0);
  ASSERT_EQ(range.Advise(SECALLOC_MADV_WIPE), 0);
  for (size_t i = 0; i < range.bytes(); ++i) ASSERT_EQ(range.begin()[i], 0);
  EXPECT_FALSE(IsSecret(range.at(0)));
  EXPECT_TRUE(IsSecret(range.at(1)));
}

TEST(Promoter, ReservedPagesAreUsed) {
  ASSERT_EQ(Range::Advise(nullptr, 5 * kPage, SECALLOC_MADV_RESERVE), 0);
  EXPECT_EQ(Stats().promotion_pool_bytes, 5 * kPage);
  const Range range(5);
  ASSERT_EQ(range.Advise(SECALLOC_MADV_SECRET), 0);
  EXPECT_EQ(Stats().promotion_pool_bytes, 0u);
  EXPECT_TRUE(range.IsIntact());
  ASSERT_EQ(range.Advise(SECALLOC_MADV_NORMAL), 0);
  EXPECT_EQ(Stats().promotion_pool_bytes, 5 * kPage);
  secalloc_trim();
}

TEST(Promoter, TellsTheMethod) {
  const Range range(1);
  for (const int method : kMethods) {
    ASSERT_EQ(range.Advise(SECALLOC_MADV_SECRET | method), 0);
    struct secalloc_info info;
    ASSERT_EQ(secalloc_query(range.begin(), &info), 0);
    EXPECT_EQ(info.promoted, static_cast<unsigned>(method));
    EXPECT_EQ(info.dumped, 0);
    ASSERT_EQ(range.Advise(SECALLOC_MADV_NORMAL), 0);
  }
}

}  // namespace
}  // namespace secure_alloc::test
