// A program run to its end, and what it took.
#pragma once

#include <sys/types.h>

namespace secure_alloc::bench {

struct ChildUsage {
  double wall_seconds;
  double cpu_seconds;  // user and system, of it and the descendants it waited for
  long peak_kib;       // resident; of the largest of them
  long page_faults;
};

// Both arrays end with null; the program is looked for in the PATH. `started` is told its process
// ID. Returns its exit status, 128 + the number of the signal that ended it, or -1 if it could
// not be started.
int RunChild(char* const* arguments, char* const* environment, void (*started)(pid_t),
             ChildUsage* usage);

}  // namespace secure_alloc::bench
