// The arithmetic of locked memory for a program that forks workers.
//
// A fork maps a copy of the parent's secrets before the child exists; the child moves it into
// place. So a process needs its own bytes and one copy; where the kernel counts all processes
// of a user together, the parent, each worker and each one being born count.
#pragma once

#include <string>

#include "preload/command/doctor/facts.h"

namespace secure_alloc {

// Bytes of RLIMIT_MEMLOCK that this many workers need.
unsigned long long MemlockNeeded(const Workers& workers, LimitScope scope);

// "(16 + 1) x 2.0 MiB = 34.0 MiB, for all processes of the user".
std::string MemlockSum(const Workers& workers, LimitScope scope);

}  // namespace secure_alloc
