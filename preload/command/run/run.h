// `secalloc run`: executes a program with its secrets kept by secure_alloc.
#pragma once

#include "preload/command/common/arguments.h"

namespace secure_alloc {

// Returns only when the program can't be run.
int RunCommand(const Words& words);

}  // namespace secure_alloc
