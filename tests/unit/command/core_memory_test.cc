#include "preload/command/scan/core_memory.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <string.h>
#include <sys/procfs.h>

#include "preload/command/scan/control.h"
#include "tests/unit/command/test_support.h"

namespace secure_alloc {
namespace {

constexpr uint64_t kLow = 0x400000, kHigh = 0x7f0000000000;

template <typename T>
void Append(std::string* out, const T& value) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

void AppendNote(std::string* out, uint32_t type, const std::string& contents) {
  Append(out, Elf64_Nhdr{5, static_cast<uint32_t>(contents.size()), type});
  out->append("CORE\0\0\0\0", 8);
  out->append(contents);
  out->resize((out->size() + 3) & ~size_t{3});
}

std::string Notes(uint64_t file_count) {
  prpsinfo_t info{};
  strcpy(info.pr_psargs, "server --with arguments of some length");
  std::string notes, files;
  AppendNote(&notes, NT_PRPSINFO, {reinterpret_cast<const char*>(&info), sizeof info});
  for (const uint64_t value : {file_count, uint64_t{4096}, kLow, kLow + 4096, uint64_t{0}}) {
    Append(&files, value);
  }
  files += std::string("/usr/lib/x86_64-linux-gnu/libexample.so.3") + '\0';
  AppendNote(&notes, NT_FILE, files);
  return notes;
}

// Two segments, of 16 bytes each in the file; the second had 4096 more.
std::string Core(uint64_t file_count = 1) {
  const std::string notes = Notes(file_count);
  Elf64_Ehdr header{};
  memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = ET_CORE;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 3;
  const uint64_t notes_at = sizeof header + 3 * sizeof(Elf64_Phdr);
  const uint64_t data_at = notes_at + notes.size();
  std::string core;
  Append(&core, header);
  Append(&core, Elf64_Phdr{PT_LOAD, 0, data_at + 16, kHigh, 0, 16, 16 + 4096, 1});
  Append(&core, Elf64_Phdr{PT_NOTE, 0, notes_at, 0, 0, notes.size(), 0, 1});
  Append(&core, Elf64_Phdr{PT_LOAD, 0, data_at, kLow, 0, 16, 16, 1});
  return core + notes + "0123456789abcdefABCDEFGHIJKLMNOP";
}

std::unique_ptr<CoreMemory> Open(const std::string& contents, std::string* error) {
  return CoreMemory::Open(testing::WriteFile("core", contents), error);
}

std::string ReadAt(CoreMemory* core, uint64_t address, size_t size) {
  std::string out(size, '\0');
  const ssize_t n = core->Read(address, out.data(), size);
  return n < 0 ? "error" : out.substr(0, static_cast<size_t>(n));
}

TEST(CoreMemory, MapsAddressesToTheFile) {
  std::string error;
  const auto core = Open(Core(), &error);
  ASSERT_NE(core, nullptr) << error;
  ASSERT_EQ(core->mappings().size(), 2u);
  EXPECT_EQ(core->mappings()[0].begin, kLow);
  EXPECT_EQ(core->mappings()[0].name, "/usr/lib/x86_64-linux-gnu/libexample.so.3");
  EXPECT_EQ(core->mappings()[1].begin, kHigh);
  EXPECT_EQ(core->mappings()[1].name, "anonymous");
  EXPECT_EQ(core->bytes_left_out(), 4096u);
  EXPECT_EQ(ReadAt(core.get(), kLow, 4), "0123");
  EXPECT_EQ(ReadAt(core.get(), kHigh + 10, 6), "KLMNOP");
}

TEST(CoreMemory, NotesGiveTheControl) {
  std::string error;
  const auto core = Open(Core(), &error);
  ASSERT_NE(core, nullptr) << error;
  const Control control = CoreControl(*core);
  ASSERT_EQ(control.bytes.size(), 3u);
  EXPECT_EQ(control.bytes[0], "/usr/lib/x86_64-linux-gnu/libexample.so.3");
  EXPECT_EQ(control.bytes[1], "server --with arguments of some length");
  EXPECT_EQ(control.bytes[2], std::string("server\0--with\0arguments\0of\0some\0length", 38));
}

TEST(CoreMemory, SaysWhereTheFileIsCutOff) {
  std::string error;
  const std::string whole = Core();
  const auto core = Open(whole.substr(0, whole.size() - 10), &error);
  ASSERT_NE(core, nullptr) << error;
  char out[16];
  EXPECT_EQ(core->Read(kHigh, out, 16), 6);
  EXPECT_EQ(core->Read(kHigh + 6, out, 10), -ENODATA);
}

TEST(CoreMemory, SurvivesEveryTruncationAndWildCounts) {
  const std::string whole = Core();
  std::string error;
  for (size_t size = 0; size < whole.size(); ++size) Open(whole.substr(0, size), &error);
  for (const uint64_t count : {0ull, 2ull, 1ull << 32, ~0ull}) {
    const auto core = Open(Core(count), &error);
    ASSERT_NE(core, nullptr) << error;
    EXPECT_LE(core->file_names().size(), 1u);
  }
}

TEST(CoreMemory, NamesWhatIsNoCore) {
  std::string error;
  EXPECT_EQ(Open("hello, this is a text file", &error), nullptr);
  EXPECT_NE(error.find("not an ELF core file"), std::string::npos);
  EXPECT_EQ(Open("\x28\xb5\x2f\xfd compressed", &error), nullptr);
  EXPECT_NE(error.find("zstd"), std::string::npos);
  EXPECT_EQ(CoreMemory::Open("/bin/true", &error), nullptr);
  EXPECT_NE(error.find("not a core file"), std::string::npos);
  EXPECT_EQ(CoreMemory::Open("/no/such", &error), nullptr);
  EXPECT_NE(error.find("ENOENT"), std::string::npos);
}

}  // namespace
}  // namespace secure_alloc
