#include "preload/command/scan/process_memory.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "preload/command/scan/control.h"
#include "preload/command/scan/sweep.h"

namespace secure_alloc {
namespace {

constexpr uint64_t kPage = 4096;

Mapping Parse(const std::string& line) {
  Mapping mapping;
  EXPECT_TRUE(ParseMapping(line, &mapping)) << line;
  return mapping;
}

TEST(ParseMapping, TellsNamesAndKinds) {
  const Mapping heap = Parse("55e0a000-55e0b000 rw-p 00000000 00:00 0          [heap]");
  EXPECT_EQ(heap.begin, 0x55e0a000u);
  EXPECT_EQ(heap.end, 0x55e0b000u);
  EXPECT_EQ(heap.name, "[heap]");
  EXPECT_TRUE(heap.private_pages);
  const Mapping anonymous = Parse("7f0000000000-7f0000001000 ---p 00000000 00:00 0 ");
  EXPECT_EQ(anonymous.name, "anonymous");
  EXPECT_TRUE(anonymous.private_pages);
  const Mapping file = Parse("7f00-8000 r--p 00001000 fe:00 33 /usr/lib/a b.so (deleted)");
  EXPECT_EQ(file.name, "/usr/lib/a b.so (deleted)");
  EXPECT_FALSE(file.private_pages);
  const Mapping secret = Parse("1000-2000 rw-s 00000000 00:0f 7 /secretmem (deleted)");
  EXPECT_TRUE(secret.secret);
  EXPECT_FALSE(secret.private_pages);
  EXPECT_FALSE(Parse("1000-2000 r--p 00000000 00:00 0 [vvar]").private_pages);
  EXPECT_EQ(Parse("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]").begin,
            0xffffffffff600000u);
}

TEST(ParseMapping, RefusesOtherLines) {
  Mapping mapping;
  for (const char* line : {"", "x", "1000-2000", "2000-1000 rw-p 00000000 00:00 0 "}) {
    EXPECT_FALSE(ParseMapping(line, &mapping)) << line;
  }
}

TEST(ParseMappings, KnowsMappingsWithoutAPage) {
  const std::vector<Mapping> mappings = ParseMappings(
      "1000-2000 ---p 00000000 00:00 0 \nSize: 4 kB\nRss: 0 kB\nAnonymous: 0 kB\nSwap: 0 kB\n"
      "2000-3000 rw-p 00000000 00:00 0 [heap]\nRss: 4 kB\nSwap: 0 kB\nVmFlags: rd wr\n"
      "3000-4000 rw-p 00000000 00:00 0 \nRss: 0 kB\nSwap: 4 kB\n"
      "4000-5000 r--p 00000000 fe:00 3 /file\nRss: 0 kB\nSwap: 0 kB\n"
      "5000-6000 rw-p 00000000 00:00 0");
  ASSERT_EQ(mappings.size(), 5u);
  EXPECT_TRUE(mappings[0].untouched);
  EXPECT_FALSE(mappings[1].untouched);
  EXPECT_FALSE(mappings[2].untouched);  // In the swap.
  EXPECT_FALSE(mappings[3].untouched);  // In the file.
  EXPECT_FALSE(mappings[4].untouched);  // Not known.
  EXPECT_EQ(mappings[1].name, "[heap]");
}

class OwnProcess : public ::testing::Test {
 protected:
  OwnProcess() {
    pages_ = static_cast<char*>(
        mmap(nullptr, 16 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    strcpy(pages_ + 3 * kPage, "here");
    memory_ = ProcessMemory::Open(getpid(), &error_);
  }
  ~OwnProcess() override { munmap(pages_, 16 * kPage); }
  uint64_t At(uint64_t page) { return reinterpret_cast<uint64_t>(pages_) + page * kPage; }

  char* pages_;
  std::string error_;
  std::unique_ptr<ProcessMemory> memory_;
};

TEST_F(OwnProcess, ReadsWhatIsThere) {
  ASSERT_NE(memory_, nullptr) << error_;
  char text[5];
  ASSERT_EQ(memory_->Read(At(3), text, sizeof text), 5);
  EXPECT_STREQ(text, "here");
  mprotect(pages_, 16 * kPage, PROT_NONE);  // Root reads it through the kernel all the same.
  EXPECT_EQ(memory_->Read(At(3), text, sizeof text), 5);
  munmap(pages_ + 3 * kPage, kPage);
  EXPECT_EQ(memory_->Read(At(3), text, sizeof text), -EIO);
}

TEST_F(OwnProcess, KnowsTouchedPages) {
  ASSERT_NE(memory_, nullptr) << error_;
  for (uint64_t page = 0; page < 16; ++page) {
    EXPECT_EQ(memory_->Touched(At(page), At(16)), page == 3) << page;
  }
}

TEST_F(OwnProcess, ItsControlIsInItsMemory) {
  ASSERT_NE(memory_, nullptr) << error_;
  const Control control = ProcessControl(getpid());
  ASSERT_EQ(control.bytes.size(), 1u);
  Needles needles;
  const size_t token = needles.AddToken({"", "control", "text", true});
  needles.Add(token,
              {reinterpret_cast<const uint8_t*>(control.bytes[0].data()), control.bytes[0].size()});
  needles.Seal();
  Searcher searcher(needles, [&](uint64_t address) { return NameAt(*memory_, address); });
  Sweep(memory_.get(), &searcher, false);
  EXPECT_GE(searcher.findings()[token].mappings.count("[stack]"), 1u);
}

TEST(ProcessMemory, NamesWhyItCannotOpen) {
  std::string error;
  EXPECT_EQ(ProcessMemory::Open(999999999, &error), nullptr);
  EXPECT_EQ(error, "there is no process 999999999");
}

}  // namespace
}  // namespace secure_alloc
