// The shared side of a bin: its slabs, and before them a short store of slots on their
// way from threads that free to threads that allocate, moved in batches, so that an
// object which crosses threads costs a share of one lock and no bitmap.
//
// Locking: mutex() (rank 3, by bin number). May take the page heap's.
//
// bin.cc: slots; bin_upkeep.cc: what keeps a bin small.
#pragma once

#include <algorithm>

#include "allocator/base/list.h"
#include "allocator/base/mutex.h"
#include "allocator/base/random.h"
#include "allocator/heap/thread_cache.h"
#include "allocator/pages/page_heap.h"
#include "allocator/slab/slab.h"

namespace secure_alloc {

class Bin {
 public:
  constexpr Bin() = default;
  // Gives the bin, one of a shard, a store of StoreSlots; before its first use. Without one slots
  // go straight to slabs: secret ones are too scarce to lie about.
  void SetStore(unsigned bin, unsigned shard, void** store);
  // Several batches of small slots; of large ones none, as each keeps its slab: 256 KiB with the
  // largest.
  static constexpr unsigned StoreSlots(unsigned bin) {
    const SlabShape& shape = kShapes[bin];
    if (shape.slot_size == 0 || shape.slot_size > 4 * kKiB) return 0;
    const unsigned fitting = static_cast<unsigned>(128 * kKiB / shape.slot_size);
    return std::clamp(fitting, shape.cache_capacity * 1u, 2048u);
  }

  // Fills a thread's bin, up to half of it; at least one more slot than the reserve, or
  // false and why not.
  [[nodiscard]] bool Refill(unsigned bin, PageHeap& pages, CacheBin& cache, RandomBits& random,
                            int* error);
  // One slot without a thread cache, or null.
  [[nodiscard]] void* TakeOne(unsigned bin, PageHeap& pages, int* error);
  // Takes back the oldest `count` slots of a thread's bin, but not those of other shards' slabs,
  // if there are others: the number of these, which are its oldest then.
  unsigned Flush(PageHeap& pages, CacheBin& cache, unsigned count, bool is_sharded);
  void GiveOne(PageHeap& pages, void* slot);
  // Gives back what has not been of use since it was asked last: stored slots to their slabs,
  // memory of free pages to the kernel.
  void GiveBackIdle(PageHeap& pages);
  // Empties the store and gives all free slabs back that are not reserved, and pages of others.
  void Trim(PageHeap& pages);

  // Makes slabs, in pages of their own, so that `count` more objects than are live now find
  // a slot from here on: slabs for so many stay. 0, or an errno value and nothing changed.
  [[nodiscard]] int Reserve(unsigned bin, PageHeap& pages, size_t count);

  struct Usage {
    size_t slab_bytes = 0;
    size_t free_slots = 0;  // in slabs and in the store, not in thread caches
  };
  Usage GetUsage();

  // A forked child has none of this bin's slabs any more.
  void Forget() SA_REQUIRES(mutex_);

  Mutex& mutex() SA_ANNOTATE(lock_returned(mutex_)) { return mutex_; }

 private:
  unsigned Take(unsigned bin, PageHeap& pages, void** slots, unsigned count, RandomBits& random,
                int* error) SA_REQUIRES(mutex_);
  [[nodiscard]] bool AddSlab(unsigned bin, PageHeap& pages, int* error) SA_REQUIRES(mutex_);
  void MakeSlab(const Run& run, unsigned bin) SA_REQUIRES(mutex_);
  Run UnmakeSlab(Slab* slab) SA_REQUIRES(mutex_);
  [[nodiscard]] bool MayAddSlab(const PageHeap& pages) const SA_REQUIRES(mutex_) {
    // A reservation has no slab to spare for one slot.
    return held_ == nullptr || (reserved_slots_ == 0 && !pages.has_reservation());
  }
  bool IsReserved(const Slab& slab) const SA_REQUIRES(mutex_) {
    return total_slots_ - slab.slots() < reserved_slots_;
  }
  void Give(PageHeap& pages, void* slot) SA_REQUIRES(mutex_);
  // The oldest `count` of the stored slots go to their slabs.
  void Unstore(PageHeap& pages, unsigned count) SA_REQUIRES(mutex_);
  void GiveToSlab(PageHeap& pages, void* slot) SA_REQUIRES(mutex_);
  // Gives back the pages of slabs that other objects keep.
  void Purge() SA_REQUIRES(mutex_);
  void PurgeIfDue() SA_REQUIRES(mutex_);

  Mutex mutex_;
  List<Slab> available_ SA_GUARDED_BY(mutex_);  // slabs with free slots
  unsigned empty_slabs_ SA_GUARDED_BY(mutex_) = 0;
  size_t slab_bytes_ SA_GUARDED_BY(mutex_) = 0;
  size_t total_slots_ SA_GUARDED_BY(mutex_) = 0;
  size_t free_slots_ SA_GUARDED_BY(mutex_) = 0;      // in slabs
  size_t least_free_ SA_GUARDED_BY(mutex_) = 0;      // of those, since the last purge
  size_t idle_free_ SA_GUARDED_BY(mutex_) = 0;       // and since the last GiveBackIdle
  size_t reserved_slots_ SA_GUARDED_BY(mutex_) = 0;  // of all slots, so many stay
  unsigned stored_ SA_GUARDED_BY(mutex_) = 0;
  unsigned idle_stored_ SA_GUARDED_BY(mutex_) = 0;   // the least since the last GiveBackIdle
  unsigned store_limit_ SA_GUARDED_BY(mutex_) = 0;
  unsigned shard_ SA_GUARDED_BY(mutex_) = 0;
  void** store_ SA_GUARDED_BY(mutex_) = nullptr;
  // The slot freed last without a thread cache. It waits until another one is, so that it is not
  // next, whatever else is free.
  void* held_ SA_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace secure_alloc
