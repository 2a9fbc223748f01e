// The control needle: bytes known to be in ordinary memory of the process, learned in another
// way than by the reading that is put to the test. A scan that misses them is blind.
#pragma once

#include <string>
#include <vector>

#include "preload/command/scan/core_memory.h"

namespace secure_alloc {

struct Control {
  std::string source;              // what it is, for the report; empty: there is none
  std::vector<std::string> bytes;  // any one of them will do; each at least kWindow long
};

// The kernel's random bytes on the process's stack (AT_RANDOM) by process_vm_readv(2); where
// that is refused, the longest string of its environment or command line.
Control ProcessControl(pid_t pid);

// The command line and the names of mapped files in the core's notes: the process has the
// former on its stack, and the latter in its dynamic linker's list.
Control CoreControl(const CoreMemory& core);

}  // namespace secure_alloc
