// What a program does with memory that it has promoted: it unmaps, moves, protects and replaces it.
#include <gtest/gtest.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "tests/unit/promote/range.h"

namespace secure_alloc::test {
namespace {

// What the machine has less of when 8 MiB of promoted memory were unmapped, in KiB. Others use
// the machine as well.
long ReturnedByMunmap() {
  constexpr size_t kPages = 2048;
  char* const memory = static_cast<char*>(
      mmap(nullptr, kPages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  memset(memory, 1, kPages * kPage);
  EXPECT_EQ(Range::Advise(memory, kPages * kPage, SECALLOC_MADV_SECRET), 0);
  const size_t before = MachineStatusOf("Unevictable");
  EXPECT_EQ(munmap(memory, kPages * kPage), 0);
  return static_cast<long>(before) - static_cast<long>(MachineStatusOf("Unevictable"));
}

TEST(Program, MunmapReturnsThePagesToTheKernel) {
  long most = 0;
  for (int i = 0; i < 20 && most < 7000; ++i) most = std::max(most, ReturnedByMunmap());
  EXPECT_GE(most, 7000);
  EXPECT_EQ(Stats().promoted_bytes, 0u);
  EXPECT_EQ(Stats().arena_bytes, Stats().promotion_pool_bytes);
}

TEST(Program, MayMoveItByMremap) {
  Range range(2);
  const Range other(2);
  ASSERT_EQ(range.Advise(SECALLOC_MADV_SECRET), 0);
  memcpy(range.begin(), "moved", 6);
  ASSERT_EQ(
      mremap(range.begin(), 2 * kPage, 2 * kPage, MREMAP_MAYMOVE | MREMAP_FIXED, other.begin()),
      other.begin());
  range.Disown();
  EXPECT_STREQ(other.begin(), "moved");
  EXPECT_TRUE(IsSecret(other.begin()));
  EXPECT_EQ(Stats().promoted_bytes, 2 * kPage);
  ASSERT_EQ(other.Advise(SECALLOC_MADV_NORMAL), 0);
  EXPECT_STREQ(other.begin(), "moved");
  EXPECT_FALSE(IsSecretToKernel(other.begin()));
}

TEST(Program, MayGrowItByMremap) {
  Range range(1);
  ASSERT_EQ(range.Advise(SECALLOC_MADV_SECRET), 0);
  char* const grown = static_cast<char*>(mremap(range.begin(), kPage, 3 * kPage, MREMAP_MAYMOVE));
  range.Disown();
  ASSERT_NE(grown, MAP_FAILED);
  grown[3 * kPage - 1] = 'x';
  EXPECT_TRUE(IsSecret(grown + 2 * kPage));
  EXPECT_EQ(Stats().promoted_bytes, 3 * kPage);
  EXPECT_EQ(Stats().arena_bytes - Stats().promotion_pool_bytes, 3 * kPage);
  ASSERT_EQ(Range::Advise(grown, 3 * kPage, SECALLOC_MADV_NORMAL), 0);
  EXPECT_EQ(grown[3 * kPage - 1], 'x');
  munmap(grown, 3 * kPage);
}

TEST(Program, MayProtectItByMprotect) {
  const Range range(4);
  ASSERT_EQ(range.Advise(SECALLOC_MADV_SECRET), 0);
  ASSERT_EQ(mprotect(range.at(1), kPage, PROT_NONE), 0);
  ASSERT_EQ(range.Advise(SECALLOC_MADV_NORMAL), 0);
  EXPECT_EQ(ProtectionOf(range.at(1)), PROT_NONE);
  EXPECT_EQ(ProtectionOf(range.at(2)), PROT_READ | PROT_WRITE);
  ASSERT_EQ(mprotect(range.at(1), kPage, PROT_READ | PROT_WRITE), 0);
  EXPECT_TRUE(range.IsIntact());
}

// What lies there now is not what was promoted.
TEST(Program, MayMapOtherMemoryInItsPlace) {
  const Range range(2);
  ASSERT_EQ(range.Advise(SECALLOC_MADV_SECRET), 0);
  ASSERT_EQ(mmap(range.begin(), 2 * kPage, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
            range.begin());
  range.Fill();
  EXPECT_FALSE(IsSecret(range.begin()));
  ASSERT_EQ(range.Advise(SECALLOC_MADV_NORMAL), 0);
  EXPECT_TRUE(range.IsIntact());
  ASSERT_EQ(range.Advise(SECALLOC_MADV_SECRET), 0);
  EXPECT_TRUE(IsSecret(range.begin()));
  EXPECT_TRUE(range.IsIntact());
}

TEST(Program, HugePagesBecomeSmallSecretOnes) {
  constexpr size_t kHuge = 2 << 20;
  char* const memory = static_cast<char*>(
      mmap(nullptr, 2 * kHuge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  char* const begin =
      reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(memory) + kHuge - 1) & ~(kHuge - 1));
  madvise(begin, kHuge, MADV_HUGEPAGE);
  Range::Fill(begin, kHuge);
  ASSERT_EQ(Range::Advise(begin + 5 * kPage, 8 * kPage, SECALLOC_MADV_SECRET), 0);
  EXPECT_TRUE(IsSecret(begin + 5 * kPage));
  EXPECT_TRUE(Range::IsIntact(begin, kHuge));
  munmap(memory, 2 * kHuge);
}

TEST(Program, MayShrinkItsBreak) {
  char* const end = static_cast<char*>(sbrk(0));
  char* const in_break =
      reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(end) + kPage - 1) & ~(kPage - 1));
  ASSERT_EQ(brk(in_break + 2 * kPage), 0);
  Range::Fill(in_break, 2 * kPage);
  ASSERT_EQ(Range::Advise(in_break, kPage, SECALLOC_MADV_SECRET), 0);
  EXPECT_TRUE(IsSecret(in_break) && Range::IsIntact(in_break, 2 * kPage));
  ASSERT_EQ(brk(end), 0);
  EXPECT_EQ(Stats().promoted_bytes, 0u);
}

}  // namespace
}  // namespace secure_alloc::test
