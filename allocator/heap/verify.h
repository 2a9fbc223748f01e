// Looking at all live objects at once, for overflows that no free has met.
#pragma once

#include "allocator/pages/page_heap.h"

namespace secure_alloc {

// Faults if the check bytes of a live object are gone. Only one thread runs, and none ever ran
// beside it: that an object has its check bytes before it is live holds for its own thread's eyes.
// No lock is taken: a signal handler that exits may have interrupted whoever held it.
void CheckLiveObjects(PageHeap& pages);

}  // namespace secure_alloc
