// The heap of a created domain: for secrets, with a page heap of its own, which is how an
// object's arena leads to it. No thread caches: slots of one domain are never another's.
#pragma once

#include "allocator/heap/heap.h"
#include "allocator/heap/standard_heaps.h"
#include "allocator/pages/space.h"

namespace secure_alloc {

class PrivateHeap : public PageHeap {
 public:
  // queued_bytes: as of LargeStore.
  PrivateHeap(const Source& first, Budget* budget, PageRecord& record, size_t queued_bytes)
      : PageHeap(kSecretPages, first, budget, record),
        heap_(kDomainBins, *this, *this, {queued_bytes, 0}) {}

  Heap& heap() { return heap_; }

  // The heap of an object with one of the domain bins.
  static PrivateHeap& Of(const void* object) {
    return static_cast<PrivateHeap&>(*space.OwnerOf(Address(object))->heap);
  }

 private:
  Heap heap_;
};

}  // namespace secure_alloc
