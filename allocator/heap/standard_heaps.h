// The heaps that every process has, the ordinary and the secret one, and where both keep
// objects of size zero.
#pragma once

#include "allocator/heap/heap.h"

namespace secure_alloc {

extern constinit Heap ordinary_heap;
extern constinit Heap secret_heap;
extern constinit PageHeap secret_pages;  // the domain sets its ladder
extern constinit Budget secret_budget;   // ... and its limit; 0 at first
extern constinit PageHeap zero_size_pages;

// By the bin in an object's shadow.
inline Heap& HeapOf(unsigned bin) { return bin < kHeapStride ? ordinary_heap : secret_heap; }

// Every lock from the bins down to the page heaps, in rank order. The space's is only taken
// under one of those.
void LockAllHeaps();
void UnlockAllHeaps();

}  // namespace secure_alloc
