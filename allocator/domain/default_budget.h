// How much secret memory a process may take when nobody says: what the limits on locked memory,
// the memory cgroup and the machine leave room for, with a forked child's copy.
#pragma once

#include <cstddef>

#include "allocator/base/mutex.h"

namespace secure_alloc {

// Sets the limit of the secret budget, by the option or by default. Cheap after the first
// time; any thread. At the first need of secret memory and not at the start: a process without
// secrets reads no files.
void SettleBudget();
// Held meanwhile; fork takes it before all other locks.
Mutex& BudgetMutex();

// The least limit of the memory cgroups that a process is in, in bytes; SIZE_MAX: none.
// cgroup: contents of /proc/PID/cgroup; root: where version 2 is mounted, with version 1's
// controllers below it.
size_t CgroupMemoryLimit(const char* cgroup, const char* root);

}  // namespace secure_alloc
