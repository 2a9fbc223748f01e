// The shared side of a bin: its slabs, and before them a short store of slots on their
// way from threads that free to threads that allocate, moved in batches, so that an
// object which crosses threads costs a share of one lock and no bitmap.
//
// Locking: mutex() (rank 3, by bin number). May take the page heap's.
#pragma once

#include "allocator/base/mutex.h"
#include "allocator/base/random.h"
#include "allocator/heap/thread_cache.h"
#include "allocator/pages/page_heap.h"
#include "allocator/slab/slab.h"

namespace secure_alloc {

class Bin {
 public:
  static constexpr unsigned kStoreSlots = 256;

  constexpr Bin() = default;

  // Fills a thread's bin to about half; at least one more slot than the reserve, or
  // false and why not.
  [[nodiscard]] bool Refill(unsigned bin, PageHeap& pages, CacheBin& cache, RandomBits& random,
                            int* error);
  // One slot without a thread cache, or null.
  [[nodiscard]] void* TakeOne(unsigned bin, PageHeap& pages, int* error);
  // Takes slots back from a thread's bin until `keep` are left.
  void Flush(unsigned bin, PageHeap& pages, CacheBin& cache, unsigned keep);
  void GiveOne(unsigned bin, PageHeap& pages, void* slot);
  // Empties the store and gives all free slabs back.
  void Trim(PageHeap& pages);

  struct Usage {
    size_t slabs = 0;
    size_t free_slots = 0;  // in slabs and in the store, not in thread caches
  };
  Usage GetUsage();

  // A forked child has none of this bin's slabs any more.
  void Forget() SA_REQUIRES(mutex_);

  Mutex& mutex() SA_ANNOTATE(lock_returned(mutex_)) { return mutex_; }

 private:
  unsigned Take(unsigned bin, PageHeap& pages, void** slots, unsigned count, RandomBits& random,
                int* error) SA_REQUIRES(mutex_);
  void GiveToSlab(PageHeap& pages, void* slot) SA_REQUIRES(mutex_);
  void Link(Slab* slab) SA_REQUIRES(mutex_);
  void Unlink(Slab* slab) SA_REQUIRES(mutex_);

  Mutex mutex_;
  Slab* available_ SA_GUARDED_BY(mutex_) = nullptr;  // slabs with free slots
  unsigned empty_slabs_ SA_GUARDED_BY(mutex_) = 0;
  size_t slabs_ SA_GUARDED_BY(mutex_) = 0;
  size_t free_slots_ SA_GUARDED_BY(mutex_) = 0;  // in slabs
  unsigned stored_ SA_GUARDED_BY(mutex_) = 0;
  void* store_[kStoreSlots] SA_GUARDED_BY(mutex_) = {};
};

}  // namespace secure_alloc
