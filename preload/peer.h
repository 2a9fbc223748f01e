// Others that may serve the public domain (option `ordinary`).
#pragma once

#include "allocator/entry/entry.h"

namespace secure_alloc {

// libjemalloc, found behind this library in LD_PRELOAD (opened later it lacks static
// TLS), by its non-standard functions; null if it is not there.
const entry::Peer* JemallocPeer();
// The next malloc in the search order: the C library's.
const entry::Peer* SystemPeer();

}  // namespace secure_alloc
