// Whether a program can be protected by LD_PRELOAD, and if not, why and what to do.
#pragma once

#include <string>

namespace secure_alloc {

struct ProgramCheck {
  enum class Verdict { kOk, kNotFound, kRefused } verdict = Verdict::kOk;
  std::string path;     // what would be executed
  std::string problem;  // one sentence: the reason and the fix
  // Of what can be protected: the file that runs in the end, a script's interpreter, and its
  // dynamic linker.
  std::string binary, linker;
};

// Looks `program` up as execvp(3) does, and follows "#!" lines to their interpreters.
ProgramCheck CheckProgram(const std::string& program);

// The file that execvp(3) would take, empty if there is none.
std::string FindInPath(const std::string& program);

// The interpreter and its argument of a script's first line; false if it is not a script.
[[nodiscard]] bool ParseShebang(const std::string& head, std::string* interpreter,
                                std::string* argument);

}  // namespace secure_alloc
