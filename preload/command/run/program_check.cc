#include "preload/command/run/program_check.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "preload/command/common/elf_file.h"
#include "preload/command/common/file_io.h"
#include "preload/command/common/message.h"

namespace secure_alloc {
namespace {

using Verdict = ProgramCheck::Verdict;

constexpr int kDeepestScript = 5;        // As deep as the kernel follows interpreters.
constexpr size_t kLongestShebang = 256;  // As much of the first line as the kernel reads.
constexpr char kIgnoresPreload[] =
    "the dynamic linker ignores LD_PRELOAD there; run a copy without it, as a user who may";

ProgramCheck Refuse(const std::string& path, const std::string& reason, const std::string& fix) {
  return {Verdict::kRefused, path, path + " " + reason + ": " + fix, "", ""};
}

std::string PathOfInterpreter(int fd, const Elf64_Phdr& segment) {
  std::string name(std::min<size_t>(segment.p_filesz, 4096), '\0');
  const ssize_t n = pread(fd, name.data(), name.size(), static_cast<off_t>(segment.p_offset));
  return n <= 0 ? "" : name.substr(0, name.find('\0'));
}

ProgramCheck CheckElf(const std::string& path, int fd, const ElfFile& elf) {
  if (elf.machine != OwnElfMachine()) {
    return Refuse(path, "is for another machine",
                  "secure_alloc must be built for that machine and preloaded there");
  }
  for (const Elf64_Phdr& segment : elf.segments) {
    if (segment.p_type != PT_INTERP) continue;
    const std::string linker = PathOfInterpreter(fd, segment);
    if (linker.find("ld-musl") == std::string::npos) {
      return {Verdict::kOk, path, "", path, linker};
    }
    return Refuse(path, "is linked with musl libc (" + linker + ")",
                  "secure_alloc needs glibc; use a build of the program for it");
  }
  return Refuse(path, "is statically linked",
                "nothing can be preloaded into it; use a dynamically linked build");
}

// Applies to what is executed itself: the kernel ignores these bits on scripts.
ProgramCheck CheckPrivileges(const std::string& path, mode_t mode) {
  if ((mode & S_ISUID) != 0) return Refuse(path, "is setuid", kIgnoresPreload);
  // Without the group's execute bit it is no setgid, see inode(7).
  if ((mode & S_ISGID) != 0 && (mode & S_IXGRP) != 0) {
    return Refuse(path, "is setgid", kIgnoresPreload);
  }
  if (getxattr(path.c_str(), "security.capability", nullptr, 0) > 0) {
    return Refuse(path, "has file capabilities", kIgnoresPreload);
  }
  return {Verdict::kOk, path, "", "", ""};
}

ProgramCheck CheckFile(const std::string& program, int depth);

// env(1) runs the program that it is given: that one matters too.
ProgramCheck CheckScript(const std::string& interpreter, const std::string& argument, int depth) {
  const ProgramCheck check = CheckFile(interpreter, depth);
  const bool is_env = interpreter.substr(interpreter.rfind('/') + 1) == "env";
  if (check.verdict != Verdict::kOk || !is_env) return check;
  std::string program = argument.starts_with("-S") ? argument.substr(2) : argument;
  program.erase(0, program.find_first_not_of(' '));
  program = program.substr(0, program.find(' '));
  const bool is_name =
      !program.empty() && program[0] != '-' && program.find('=') == std::string::npos;
  return is_name ? CheckFile(program, depth) : check;
}

ProgramCheck CheckFile(const std::string& program, int depth) {
  const std::string path = FindInPath(program);
  struct stat status;
  if (path.empty() || stat(path.c_str(), &status) != 0) {
    return {Verdict::kNotFound, program, program + ": not found", "", ""};
  }
  if (!S_ISREG(status.st_mode) || access(path.c_str(), X_OK) != 0) {
    return Refuse(path, "can't be executed", "chmod +x, or name another program");
  }
  const Descriptor file = OpenForReading(path);
  // Execute-only files can be run but not looked into.
  if (!file.ok()) {
    return Refuse(path, "can't be read to check it (" + ErrnoText(errno) + ")",
                  "make it readable, or run as its owner");
  }
  std::string head(kLongestShebang, '\0'), interpreter, argument;
  const ssize_t n = pread(file.get(), head.data(), head.size(), 0);
  head.resize(n < 0 ? 0 : static_cast<size_t>(n));
  if (ParseShebang(head, &interpreter, &argument)) {
    if (depth == kDeepestScript) {
      return Refuse(path, "is a script of too many scripts", "run the last interpreter itself");
    }
    ProgramCheck check = CheckScript(interpreter, argument, depth + 1);
    if (check.verdict == Verdict::kNotFound) {
      return Refuse(path, "needs the interpreter " + check.path + ", which isn't there",
                    "install it");
    }
    if (check.verdict == Verdict::kOk) check.path = path;
    return check;
  }
  ElfFile elf;
  switch (ReadElf(file.get(), &elf)) {
    case ElfStatus::kOk:
      break;
    case ElfStatus::kNotElf:
      return CheckFile("/bin/sh", depth + 1);  // As execvp(3) does.
    case ElfStatus::kOtherClass:
      return Refuse(path, "is not a 64-bit little-endian program",
                    "secure_alloc must be built for that machine and preloaded there");
    default:
      return Refuse(path, "is a damaged program", "install it again");
  }
  const ProgramCheck check = CheckPrivileges(path, status.st_mode);
  return check.verdict == Verdict::kOk ? CheckElf(path, file.get(), elf) : check;
}

bool IsProgram(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         access(path.c_str(), X_OK) == 0;
}

}  // namespace

std::string FindInPath(const std::string& program) {
  if (program.empty()) return "";
  if (program.find('/') != std::string::npos) {
    return access(program.c_str(), F_OK) == 0 ? program : "";
  }
  const char* variable = getenv("PATH");
  const std::string path = variable == nullptr ? "/bin:/usr/bin" : variable;
  for (size_t at = 0; at <= path.size();) {
    const size_t end = std::min(path.find(':', at), path.size());
    const std::string folder = path.substr(at, end - at);
    const std::string candidate = (folder.empty() ? "." : folder) + "/" + program;
    if (IsProgram(candidate)) return candidate;
    at = end + 1;
  }
  return "";
}

bool ParseShebang(const std::string& head, std::string* interpreter, std::string* argument) {
  if (!head.starts_with("#!")) return false;
  std::string line = head.substr(
      2, head.find('\n') == std::string::npos ? std::string::npos : head.find('\n') - 2);
  constexpr char kBlanks[] = " \t";
  line.erase(0, std::min(line.find_first_not_of(kBlanks), line.size()));
  line.erase(line.find_last_not_of(kBlanks) + 1);
  const size_t end = line.find_first_of(kBlanks);
  *interpreter = line.substr(0, end);
  *argument = end == std::string::npos ? "" : line.substr(line.find_first_not_of(kBlanks, end));
  return !interpreter->empty();
}

ProgramCheck CheckProgram(const std::string& program) { return CheckFile(program, 0); }

}  // namespace secure_alloc
