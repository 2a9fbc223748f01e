// `secalloc run --explain`: which domain the allocations of each of a program's modules will get,
// and why. The modules are those that the program's own dynamic linker would load; what it opens
// while it runs can't be known before: that is what the option trace is for.
#pragma once

#include <string>
#include <vector>

#include "preload/command/run/program_check.h"
#include "preload/command/run/settings.h"

namespace secure_alloc {

struct ModuleRule {
  std::string path;
  bool secret = false;
  std::string why;
};

// What the options say of a module.
ModuleRule RuleFor(const std::string& path, const Settings& settings);

// The paths among the lines of `ld.so --list`; what it doesn't find goes to *missing.
std::vector<std::string> ParseModuleList(const std::string& text, std::string* missing);

// Prints them for a program that can be protected, with what the environment has for it by now;
// gives the exit code.
int Explain(const ProgramCheck& program, const Settings& settings, bool json);

}  // namespace secure_alloc
