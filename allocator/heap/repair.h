// Making what is known about secrets agree with what there is of them, in a forked child and at a
// process's end.
#pragma once

#include "allocator/pages/page_heap.h"

namespace secure_alloc {

// The copy of the secret pages was made before the fork, while other threads went on in
// their thread caches; shadow and caches are those of the fork's instant. So a slot that
// was freed in between is not zero in the child, and an object allocated or resized in
// between lacks its check bytes (and, if it is new, its contents: other threads'
// unfinished work, as in any forked child). Wipes the first, restores the second.
// In a child that has adopted its copies, before its locks are released.
void RepairSecretsAfterFork(PageHeap& pages);

// The contents of the live objects that begin in these pages are gone: freeing them does nothing
// from now on.
void ForgetObjects(void* address, size_t length);
void ForgetObjects(Arena* arena);
// The same for one object, by its state; nothing if it is not live.
void ForgetObject(uint8_t* state);

}  // namespace secure_alloc
