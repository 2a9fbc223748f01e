#include "preload/command/scan/sweep.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <string.h>

#include <algorithm>
#include <set>

#include "tests/unit/command/test_support.h"

namespace secure_alloc {
namespace {

using testing::Bytes;

constexpr uint64_t kBase = 0x10000000;
constexpr uint64_t kPage = 4096;
constexpr size_t kPiece = size_t{1} << 20;  // what one read takes

// Bytes at kBase, with pages that can't be read, pages never touched, and short reads.
class FakeMemory : public Memory {
 public:
  explicit FakeMemory(Bytes bytes) : bytes_(std::move(bytes)) {
    mappings_ = {{kBase, kBase + bytes_.size(), "[heap]"}};
  }
  std::string Description() const override { return "fake"; }
  const std::vector<Mapping>& mappings() const override { return mappings_; }
  ssize_t Read(uint64_t address, void* out, size_t size) override {
    const uint64_t page = (address - kBase) / kPage;
    if (page >= ends_at_) return -ESRCH;
    if (unreadable_.contains(page)) return -EIO;
    size = std::min({size, longest_read_, static_cast<size_t>(kBase + bytes_.size() - address)});
    for (const uint64_t bad : unreadable_) {
      if (bad > page) size = std::min<size_t>(size, kBase + bad * kPage - address);
    }
    memcpy(out, &bytes_[address - kBase], size);
    return static_cast<ssize_t>(size);
  }
  bool Touched(uint64_t address, uint64_t) override {
    return !untouched_.contains((address - kBase) / kPage);
  }

  Bytes bytes_;
  std::vector<Mapping> mappings_;
  std::set<uint64_t> unreadable_, untouched_;
  size_t longest_read_ = SIZE_MAX;
  uint64_t ends_at_ = UINT64_MAX;  // the page before which the process ends
};

class SweepTest : public ::testing::Test {
 protected:
  SweepTest() : secret_(testing::RandomBytes(100)) {
    needles_.Add(needles_.AddToken({"k", "p", "bytes"}), secret_);
    needles_.Seal();
  }
  void Plant(FakeMemory* memory, size_t at, size_t size) {
    std::copy_n(secret_.begin(), size, memory->bytes_.begin() + static_cast<long>(at));
  }
  size_t Places(FakeMemory* memory) {
    Searcher searcher(needles_, [&](uint64_t address) { return NameAt(*memory, address); });
    account_ = Sweep(memory, &searcher, false);
    mappings_ = searcher.findings()[0].mappings;
    return searcher.findings()[0].places;
  }

  const Bytes secret_;
  Needles needles_;
  SweepAccount account_;
  std::map<std::string, size_t> mappings_;
};

TEST_F(SweepTest, FindsWindowsAcrossReads) {
  FakeMemory memory(Bytes(3 * kPiece));
  for (size_t before = 0; before <= Needles::kWindow; ++before) {
    std::fill(memory.bytes_.begin(), memory.bytes_.end(), 0);
    Plant(&memory, 2 * kPiece - before, Needles::kWindow);
    EXPECT_EQ(Places(&memory), 1u) << before;
    EXPECT_EQ(account_.bytes_read, memory.bytes_.size());
  }
}

TEST_F(SweepTest, AMatchAcrossReadsIsOnePlace) {
  FakeMemory memory(Bytes(2 * kPiece));
  for (size_t before = 1; before < secret_.size(); ++before) {
    std::fill(memory.bytes_.begin(), memory.bytes_.end(), 0);
    Plant(&memory, kPiece - before, secret_.size());
    EXPECT_EQ(Places(&memory), 1u) << before;
  }
}

TEST_F(SweepTest, ShortReadsMissNothing) {
  for (const size_t longest : {1u, 7u, 24u, 33u, 100u}) {
    FakeMemory memory(Bytes(2 * kPage));
    memory.longest_read_ = longest;
    Plant(&memory, 1234, secret_.size());
    EXPECT_EQ(Places(&memory), 1u) << longest;
    EXPECT_EQ(account_.bytes_read, memory.bytes_.size());
  }
}

TEST_F(SweepTest, FindsWindowsAcrossAdjacentMappingsAndNamesThem) {
  FakeMemory memory(Bytes(4 * kPage));
  memory.mappings_ = {{kBase, kBase + kPage, "one"}, {kBase + kPage, kBase + 4 * kPage, "two"}};
  Plant(&memory, kPage - 12, Needles::kWindow);
  EXPECT_EQ(Places(&memory), 1u);
  EXPECT_EQ(mappings_, (std::map<std::string, size_t>{{"one", 1}}));
}

TEST_F(SweepTest, BytesOnEitherSideOfAGapDontMatch) {
  FakeMemory memory(Bytes(4 * kPage));
  memory.mappings_ = {{kBase, kBase + kPage, "one"}, {kBase + 2 * kPage, kBase + 4 * kPage, "two"}};
  std::copy_n(secret_.begin(), 12, memory.bytes_.begin() + kPage - 12);
  std::copy_n(secret_.begin() + 12, 12, memory.bytes_.begin() + 2 * kPage);
  EXPECT_EQ(Places(&memory), 0u);
}

TEST_F(SweepTest, GoesOnBehindPagesItCannotRead) {
  FakeMemory memory(Bytes(8 * kPage));
  memory.unreadable_ = {2, 3, 5};
  Plant(&memory, 6 * kPage, secret_.size());
  EXPECT_EQ(Places(&memory), 1u);
  EXPECT_EQ(account_.bytes_read, 5 * kPage);
  ASSERT_EQ(account_.unreadable.size(), 2u);
  EXPECT_EQ(account_.unreadable[0].begin, kBase + 2 * kPage);
  EXPECT_EQ(account_.unreadable[0].end, kBase + 4 * kPage);
  EXPECT_EQ(account_.unreadable[0].error, EIO);
  EXPECT_EQ(account_.unreadable[1].begin, kBase + 5 * kPage);
}

TEST_F(SweepTest, AnEndMeanwhileIsNoted) {
  FakeMemory memory(Bytes(8 * kPage));
  memory.unreadable_ = {2};
  Places(&memory);
  EXPECT_FALSE(account_.cut_short);
  memory.ends_at_ = 5;
  memory.longest_read_ = kPage;
  Places(&memory);
  EXPECT_TRUE(account_.cut_short);
}

TEST_F(SweepTest, SecretMemoryIsCountedNotListed) {
  FakeMemory memory(Bytes(4 * kPage));
  memory.mappings_[0].secret = true;
  memory.unreadable_ = {0, 1, 2, 3};
  EXPECT_EQ(Places(&memory), 0u);
  EXPECT_EQ(account_.secret_mappings, 1u);
  EXPECT_EQ(account_.secret_bytes, 4 * kPage);
  EXPECT_TRUE(account_.unreadable.empty());
}

TEST_F(SweepTest, SecretMemoryThatCanBeReadIsSearched) {
  FakeMemory memory(Bytes(4 * kPage));
  memory.mappings_[0].secret = true;
  Plant(&memory, 100, secret_.size());
  EXPECT_EQ(Places(&memory), 1u);
  EXPECT_EQ(account_.secret_mappings, 0u);
}

TEST_F(SweepTest, OnlyPrivatePagesAreSkippedWhenUntouched) {
  FakeMemory memory(Bytes(8 * kPage));
  memory.untouched_ = {0, 1, 4, 7};
  Plant(&memory, 5 * kPage, secret_.size());
  EXPECT_EQ(Places(&memory), 1u);
  EXPECT_EQ(account_.bytes_read, 8 * kPage);
  memory.mappings_[0].private_pages = true;
  EXPECT_EQ(Places(&memory), 1u);
  EXPECT_EQ(account_.bytes_read, 4 * kPage);
  EXPECT_EQ(account_.bytes_untouched, 4 * kPage);
}

TEST_F(SweepTest, MappingsWithoutAPageAreNotRead) {
  FakeMemory memory(Bytes(8 * kPage));
  memory.mappings_[0].untouched = true;
  Plant(&memory, 100, secret_.size());
  EXPECT_EQ(Places(&memory), 0u);
  EXPECT_EQ(account_.bytes_read, 0u);
  EXPECT_EQ(account_.bytes_untouched, 8 * kPage);
}

}  // namespace
}  // namespace secure_alloc
