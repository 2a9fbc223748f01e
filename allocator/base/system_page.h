// The two sizes of a page. What the page heap counts, and what slabs are cut from, are pages of
// kPageSize (bits.h): 4 KiB, the least that any kernel has, and known when this is compiled. What
// the kernel maps, protects and makes ready are system pages: 4, 16 or 64 KiB, known at start-up.
//
// Invariant: what is asked of os or of a source begins and ends at a system page. Runs do, so the
// page heap hands out nothing less (docs/decisions/0013-page-size.md).
#pragma once

#include "allocator/base/bits.h"
#include "allocator/os/os.h"

namespace secure_alloc {

// Pages in a system page; a power of two.
inline Pages SystemPage() { return PagesFor(os::PageSize()); }
inline unsigned SystemPageOrder() { return FloorLog2(SystemPage()); }

}  // namespace secure_alloc
