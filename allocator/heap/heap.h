// A heap turns sizes into objects: thread caches in front, bins of slabs and the store
// of large objects behind, page heaps at the back.
//
// Which heap an object belongs to is told by the bin in its shadow: the ordinary one, the
// secret one, or that of a created domain, which has no thread caches and is found by its
// arena. The paths taken by nearly all calls are in fast_path.h, heap.cc has the others,
// live_object.h what begins with an object's address, and heap_upkeep.cc what keeps a heap small.
#pragma once

#include "allocator/heap/bin.h"
#include "allocator/heap/large.h"
#include "allocator/heap/thread_cache.h"

namespace secure_alloc {

// What stands before the slabs of the ordinary heap's bins, all in a row: see Bin::SetStore.
constexpr size_t HeapStoreSlots() {
  size_t slots = 0;
  for (unsigned c = kFirstClass; c < kClasses; ++c) slots += Bin::StoreSlots(kOrdinaryBins + c);
  return slots;
}
using HeapStores = void* [HeapStoreSlots()];

// A further set of bins. Threads take them by turns, so that those that work at the same time wait
// for no lock of each other, nor for lines of the CPU's caches: what a thread frees goes back to
// the shard that its slab is of, and comes from there to those who allocated it.
struct BinShard {
  Bin bins[kClasses];
};
inline constexpr unsigned kMostShards = 8;

class Heap {
 public:
  // first_bin: kOrdinaryBins, kSecretBins or kDomainBins.
  constexpr Heap(unsigned first_bin, PageHeap& pages, PageHeap& guarded_pages,
                 LargeStore::QueueLimits queue)
      : first_bin_(first_bin),
        pages_(pages),
        large_(MarkOfBin(first_bin + kLargeClass), guarded_pages, pages, queue) {}

  // Before the first use: stores for kMostShards, and the shards but the first. They come into use
  // with the second thread, as many as there are CPUs.
  void SetShards(HeapStores* stores, BinShard* more);

  // Zeroed memory, or null and why: EAGAIN, ENOMEM, or what the source said. Alignment: a
  // power of two.
  [[nodiscard]] void* Allocate(size_t request, int* error);
  [[nodiscard]] void* AllocateAligned(size_t request, size_t alignment, int* error);

  // An object that has its pages to itself, between guards; at_end: right before the second.
  [[nodiscard]] void* AllocateOwnPages(size_t request, size_t alignment, bool at_end, int* error);

  // From here on `count` more objects than are live now can be allocated without asking the
  // kernel. 0, or an errno value and nothing changed.
  [[nodiscard]] int Reserve(size_t request, size_t count);

  // Objects of size zero, which nobody can access; not of created domains.
  [[nodiscard]] void* AllocateZeroSize(size_t alignment, int* error);
  void FreeZeroSize(void* object, const void* caller);

  void FreeLarge(void* object, const void* caller);
  // See LargeStore::TryMove.
  [[nodiscard]] void* MoveLarge(void* object, const LargeRequest& request);

  // Takes a wiped slot back, by the way of the thread's cache if it has one.
  void Give(unsigned bin, void* slot);

  LargeStore& large() { return large_; }
  PageHeap& pages() { return pages_; }
  bool has_thread_caches() const { return first_bin_ < kCachedBins; }
  unsigned first_bin() const { return first_bin_; }

  // Gives back what a cache holds of this heap.
  void Flush(ThreadCache& cache);
  // Gives everything idle back to the page heaps, and they theirs.
  void Trim();
  // Gives large runs that wait back to their page heap, unless it must do with what it has.
  void TrimLarge();

  struct Usage {
    size_t free_slot_bytes = 0;  // in slabs
    size_t slab_bytes = 0;
    size_t large_bytes = 0;
  };
  Usage GetUsage();

  // Fork takes all of the heap's locks, in rank order.
  void LockAll();
  void UnlockAll();
  // The child starts over without slabs and large objects; it has those of size zero.
  void Forget();

 private:
  void* AllocateSmall(size_t request, unsigned bin, int* error);
  void GiveSlow(unsigned bin, ThreadCache& cache, void* slot);  // its bin is full or nearly empty
  void GiveUncached(unsigned bin, void* slot);
  // Of this thread, if it may have one of this heap.
  ThreadCache* Cache() const;
  unsigned shards() const { return shards_.load(std::memory_order_acquire); }
  // Whether slots of more than one shard may be about.
  bool is_sharded() const { return shards() > 1; }
  void SetStores(unsigned shard);
  void OpenShards();
  unsigned ShardOf(const ThreadCache& cache) {
    if (cache.number > 0 && may_open_shards_.load(std::memory_order_relaxed)) OpenShards();
    return cache.number % shards();
  }
  Bin& BinAt(unsigned shard, unsigned size_class) {
    return shard == 0 ? bins_[size_class] : more_shards_[shard - 1].bins[size_class];
  }
  template <typename Visit>
  void ForEachBin(Visit visit) {
    for (unsigned shard = 0; shard < shards(); ++shard) {
      for (unsigned c = kFirstClass; c < kClasses; ++c) visit(BinAt(shard, c), c);
    }
  }
  // Calls attempt(Bin&) for the bin of one shard and, when memory is short, for those of the
  // others, which may have slots or just then get pages, until it is true.
  template <typename Attempt>
  [[nodiscard]] bool TryShards(unsigned first, unsigned size_class, Attempt attempt) {
    const unsigned count = shards();
    for (unsigned i = 0; i < count; ++i) {
      if (attempt(BinAt((first + i) % count, size_class))) return true;
    }
    return false;
  }
  [[nodiscard]] bool Refill(unsigned bin, ThreadCache& cache, int* error);
  // Leaves `keep` slots in a thread's bin.
  void FlushCached(unsigned size_class, CacheBin& cached, unsigned keep);
  // Large runs that wait give way to slabs that become more, so that the peak does not rise.
  void BalanceStores();
  // Now and then, as work is done, looks at the clock: what has been idle for long goes back,
  // though nobody asks for the like of it any more.
  void Pace(unsigned work);
  // Not even the clock is asked where growth is sealed, or something reserved.
  bool AvoidsKernel() const {
    return pages_.growth_sealed() || pages_.has_reservation() ||
           has_reservation_.load(std::memory_order_relaxed);
  }
  void GiveBackIdle();

  const unsigned first_bin_;
  PageHeap& pages_;
  Bin bins_[kClasses];  // the first shard; kZeroClass: over zero_size_pages
  HeapStores* stores_ = nullptr;
  BinShard* more_shards_ = nullptr;
  std::atomic<unsigned> shards_{1};            // written under the lock of bins_[kZeroClass]
  std::atomic<bool> may_open_shards_{false};  // they have not been yet
  LargeStore large_;
  std::atomic<void*> waiting_zero_size_{nullptr};
  // Whatever order they are seen in will do, and a lost count.
  std::atomic<size_t> balanced_bytes_{0};  // of slab pages
  std::atomic<unsigned> work_{0};
  std::atomic<uint64_t> looked_{0};  // when, as of os::Milliseconds()
  std::atomic<bool> has_reservation_{false};  // of objects
};

}  // namespace secure_alloc
