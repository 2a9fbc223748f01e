// scope=all and the C library: which of its own allocations are secret.
//
// What libc allocates for itself stays ordinary: FILEs, lookup state, thread-specific data.
// It holds no secrets, and glibc's fork touches it in the child before any handler
// runs, so before the child has its secret pages. What libc allocates for its caller
// (strdup, asprintf, getline ..., stream buffers) is secret. Those calls of malloc are
// found by making some at load and noting where they return to.
#pragma once

namespace secure_alloc::rules {

// Once, at load, if the scope is `all`.
void FindLibcSites();

// Is the caller in the C library?
bool IsInLibc(const void* caller);
// Of a caller in the C library: does it allocate for its own caller?
bool IsDataSite(const void* caller);

}  // namespace secure_alloc::rules
