// A heap turns sizes into objects: thread caches in front, bins of slabs and the store
// of large objects behind, page heaps at the back.
//
// There are two, told apart by the bin in an object's shadow: the ordinary one and
// the secret one. The paths taken by nearly all calls are in fast_path.h.
#pragma once

#include "allocator/heap/bin.h"
#include "allocator/heap/large.h"
#include "allocator/heap/thread_cache.h"

namespace secure_alloc {

class Heap {
 public:
  // first_bin: 0 or kHeapStride.
  constexpr Heap(unsigned first_bin, PageHeap& pages, PageHeap& guarded_pages, size_t queued_bytes)
      : first_bin_(first_bin),
        pages_(pages),
        large_(first_bin + kLargeClass, guarded_pages, pages, queued_bytes) {}

  // Zeroed memory, or null and why: EAGAIN, ENOMEM, or what the source said. Alignment: a
  // power of two.
  [[nodiscard]] void* Allocate(size_t request, int* error);
  [[nodiscard]] void* AllocateAligned(size_t request, size_t alignment, int* error);

  // Objects of size zero: inaccessible slots, of either heap.
  [[nodiscard]] void* AllocateZeroSize(int* error);
  void FreeZeroSize(void* object);

  // Takes a wiped slot into a thread's cache whose bin is full or nearly empty.
  void GiveSlow(unsigned bin, ThreadCache& cache, void* slot);
  void GiveUncached(unsigned bin, void* slot) { bins_[bin - first_bin_].GiveOne(bin, pages_, slot); }

  LargeStore& large() { return large_; }
  PageHeap& pages() { return pages_; }
  unsigned first_bin() const { return first_bin_; }

  // Gives back what a cache holds of this heap.
  void Flush(ThreadCache& cache);
  // Gives everything idle back to the page heaps, and they theirs.
  void Trim();

  struct Usage {
    size_t free_slot_bytes = 0;  // in slabs
    size_t slab_bytes = 0;
    size_t large_bytes = 0;
  };
  Usage GetUsage();

  // Fork takes all of the heap's locks, in rank order.
  void LockAll();
  void UnlockAll();
  // The child starts over without slabs and large objects.
  void Forget();

 private:
  void* AllocateSmall(size_t request, unsigned bin, int* error);

  const unsigned first_bin_;
  PageHeap& pages_;
  Bin bins_[kClasses];  // kZeroClass: over zero_size_pages
  LargeStore large_;
};

// Frees any object of ours, by the way of all checks. False if the address is outside
// the space: not ours.
[[nodiscard]] bool FreeChecked(void* object, const void* caller);

// The asked size of a live object of ours; faults on anything else inside the space,
// and on an object whose check bytes are gone. False outside the space.
struct ObjectInfo {
  size_t size = 0;
  unsigned first_bin = 0;  // of its heap
};
[[nodiscard]] bool Inspect(const void* object, const void* caller, ObjectInfo* info);
// The asked size of a live object of ours, its check bytes unread: they may be forbidden.
size_t ObjectSize(const void* object);
// Changes the asked size in place; false if the object must move.
[[nodiscard]] bool TryResize(void* object, size_t request, const void* caller);

}  // namespace secure_alloc
