// Where the C library allocates its FILE objects.
//
// In the child of a threaded program glibc's fork resets the lock of every open FILE before
// it runs any handler, so before the child has its secrets: a FILE must not be one. The
// calls of malloc that make FILEs are found by making some, with modes that open nothing,
// and noting where each first call returns to. (The buffers, which hold data, are other
// calls.)
#pragma once

namespace secure_alloc::rules {

// Finds the sites. Once, at load, when libc may be served by the secret domain.
void FindStreamSites();

// Called for each allocation whose rule is not at hand; true if it makes a FILE.
bool IsStreamSite(const void* caller);
// Is there a site on the caller's page of code, so that the page has no one rule?
bool IsOnStreamPage(const void* caller);

}  // namespace secure_alloc::rules
