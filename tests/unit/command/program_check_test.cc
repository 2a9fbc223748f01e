#include "preload/command/run/program_check.h"

#include <elf.h>
#include <gtest/gtest.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/command/test_support.h"

namespace secure_alloc {
namespace {

using Verdict = ProgramCheck::Verdict;

std::string Program(const std::string& name, const std::string& contents, mode_t mode = 0755) {
  const std::string path = testing::WriteFile(name, contents);
  EXPECT_EQ(chmod(path.c_str(), mode), 0);
  return path;
}

// A dynamic program's bytes, to be changed.
class ProgramCheckTest : public ::testing::Test {
 protected:
  ProgramCheckTest() : bytes_(testing::ReadFile("/bin/true")) {
    memcpy(&header_, bytes_.data(), sizeof header_);
  }
  std::string Interpreter() {
    for (int i = 0; i < header_.e_phnum; ++i) {
      Elf64_Phdr segment;
      memcpy(&segment, &bytes_[header_.e_phoff + static_cast<size_t>(i) * sizeof segment],
             sizeof segment);
      if (segment.p_type == PT_INTERP) return &bytes_[segment.p_offset];
    }
    return "";
  }
  std::string ProblemOf(const std::string& name) {
    const ProgramCheck check = CheckProgram(Program(name, bytes_));
    return check.verdict == Verdict::kOk ? "none" : check.problem;
  }
  bool Has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  std::string bytes_;
  Elf64_Ehdr header_;
};

TEST_F(ProgramCheckTest, DynamicProgramsAreFine) {
  EXPECT_EQ(ProblemOf("true"), "none");
  EXPECT_EQ(CheckProgram("true").verdict, Verdict::kOk);
  EXPECT_EQ(CheckProgram("/bin/bash").verdict, Verdict::kOk);
}

TEST_F(ProgramCheckTest, WithoutInterpreterItIsStatic) {
  const size_t at = bytes_.find(Interpreter());
  ASSERT_NE(at, std::string::npos);
  for (int i = 0; i < header_.e_phnum; ++i) {
    const size_t type = header_.e_phoff + static_cast<size_t>(i) * sizeof(Elf64_Phdr);
    const uint32_t null = PT_NULL;
    if (bytes_[type] == PT_INTERP) memcpy(&bytes_[type], &null, sizeof null);
  }
  EXPECT_TRUE(Has(ProblemOf("static"), "is statically linked"));
}

TEST_F(ProgramCheckTest, MuslIsRefused) {
  const std::string musl = "/lib/ld-musl-x86_64.so.1";
  ASSERT_LE(musl.size(), Interpreter().size() + 1);
  memcpy(&bytes_[bytes_.find(Interpreter())], musl.c_str(), musl.size());
  EXPECT_TRUE(Has(ProblemOf("musl"), "musl"));
}

TEST_F(ProgramCheckTest, OtherMachinesAndClassesAreRefused) {
  bytes_[EI_CLASS] = ELFCLASS32;
  EXPECT_TRUE(Has(ProblemOf("class"), "64-bit"));
  bytes_[EI_CLASS] = ELFCLASS64;
  bytes_[offsetof(Elf64_Ehdr, e_machine)] = static_cast<char>(EM_RISCV);
  EXPECT_TRUE(Has(ProblemOf("machine"), "another machine"));
}

TEST_F(ProgramCheckTest, DamagedProgramsAreRefused) {
  const std::string whole = bytes_;
  bytes_ = whole.substr(0, 40);
  EXPECT_TRUE(Has(ProblemOf("cut"), "damaged"));
  bytes_ = whole;
  memset(&bytes_[offsetof(Elf64_Ehdr, e_phoff)], 0xff, 8);
  EXPECT_TRUE(Has(ProblemOf("offset"), "damaged"));
  bytes_ = whole;
  bytes_[offsetof(Elf64_Ehdr, e_phentsize)] = 1;
  EXPECT_TRUE(Has(ProblemOf("size"), "damaged"));
}

TEST_F(ProgramCheckTest, PrivilegedProgramsAreRefused) {
  EXPECT_TRUE(Has(CheckProgram(Program("su", bytes_, 04755)).problem, "setuid"));
  EXPECT_TRUE(Has(CheckProgram(Program("sg", bytes_, 02755)).problem, "setgid"));
  EXPECT_EQ(CheckProgram(Program("lock", bytes_, 02745)).verdict, Verdict::kOk);
}

TEST_F(ProgramCheckTest, NotFoundAndNotExecutableDiffer) {
  EXPECT_EQ(CheckProgram("no-such-program-anywhere").verdict, Verdict::kNotFound);
  EXPECT_EQ(CheckProgram("/no/such/program").verdict, Verdict::kNotFound);
  EXPECT_EQ(CheckProgram("").verdict, Verdict::kNotFound);
  EXPECT_EQ(CheckProgram(Program("data", bytes_, 0644)).verdict, Verdict::kRefused);
  EXPECT_EQ(CheckProgram("/tmp").verdict, Verdict::kRefused);
}

TEST_F(ProgramCheckTest, ScriptsAreJudgedByTheirInterpreter) {
  const std::string su = Program("su2", bytes_, 04755);
  EXPECT_EQ(CheckProgram(Program("good", "#!/bin/sh\n")).verdict, Verdict::kOk);
  EXPECT_EQ(CheckProgram(Program("setuid_script", "#!/bin/sh\n", 04755)).verdict, Verdict::kOk);
  EXPECT_EQ(CheckProgram(Program("plain", "echo hello\n")).verdict, Verdict::kOk);
  EXPECT_TRUE(Has(CheckProgram(Program("bad", "#! " + su + " -x\n")).problem, "setuid"));
  EXPECT_TRUE(Has(CheckProgram(Program("env", "#!/usr/bin/env " + su + "\n")).problem, "setuid"));
  EXPECT_TRUE(
      Has(CheckProgram(Program("envs", "#!/usr/bin/env -S " + su + " x\n")).problem, "setuid"));
  const ProgramCheck gone = CheckProgram(Program("gone", "#!/no/such\n"));
  EXPECT_EQ(gone.verdict, Verdict::kRefused);
  EXPECT_TRUE(Has(gone.problem, "/no/such"));
  const std::string self = testing::TempPath("loop");
  EXPECT_TRUE(Has(CheckProgram(Program("loop", "#!" + self + "\n")).problem, "too many"));
}

TEST(Shebang, SplitsAsTheKernelDoes) {
  std::string interpreter, argument;
  ASSERT_TRUE(ParseShebang("#! /bin/a  b c \nnext", &interpreter, &argument));
  EXPECT_EQ(interpreter, "/bin/a");
  EXPECT_EQ(argument, "b c");
  ASSERT_TRUE(ParseShebang("#!/bin/a", &interpreter, &argument));
  EXPECT_EQ(argument, "");
  EXPECT_FALSE(ParseShebang("#!\n/bin/a", &interpreter, &argument));
  EXPECT_FALSE(
      ParseShebang("\x7f"
                   "ELF",
                   &interpreter, &argument));
  EXPECT_FALSE(ParseShebang("", &interpreter, &argument));
}

}  // namespace
}  // namespace secure_alloc
