// The heaps that every process has, the ordinary and the secret one, and where both keep
// objects of size zero.
#pragma once

#include "allocator/heap/heap.h"

namespace secure_alloc {

extern const PageHeapPolicy kSecretPages;  // of every heap for secrets

extern constinit Heap ordinary_heap;
extern constinit Heap secret_heap;
extern constinit PageHeap secret_pages;  // the domain sets its ladder
extern constinit Budget secret_budget;   // ... and its limit; 0 at first
extern constinit PageHeap zero_size_pages;

// Once, at start-up.
void InitStandardHeaps();

// The page heaps of ordinary objects.
void ForEachOrdinaryPages(void (*visit)(PageHeap&));

// The locks of the page heaps that are not for secrets, in rank order.
void LockOrdinaryPages();
void UnlockOrdinaryPages();

}  // namespace secure_alloc
