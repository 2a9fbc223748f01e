#include "allocator/heap/heap.h"

#include <algorithm>

#include "allocator/heap/fast_path.h"
#include "allocator/heap/form.h"
#include "allocator/heap/standard_heaps.h"
#include "allocator/os/os.h"
#include "allocator/slab/slab.h"

namespace secure_alloc {
namespace {

void FlushOnThreadExit(ThreadCache& cache) {
  ordinary_heap.Flush(cache);
  secret_heap.Flush(cache);
}

// What large objects are as work, beside a refill, which is 1: see Heap::Pace.
constexpr unsigned kLargeWork = 16;

// What a slot must have room for.
size_t SlotRequest(size_t request) {
  return keeps_forms ? std::max(request, kMinSlot) : request;
}

}  // namespace

void Heap::SetShards(HeapStores* stores, BinShard* more) {
  stores_ = stores;
  more_shards_ = more;
  may_open_shards_.store(true, std::memory_order_relaxed);
  SetStores(0);
}

void Heap::SetStores(unsigned shard) {
  void** store = stores_[shard];
  for (unsigned c = kFirstClass; c < kClasses; ++c) {
    BinAt(shard, c).SetStore(first_bin_ + c, shard, store);
    store += Bin::StoreSlots(first_bin_ + c);
  }
}

void Heap::OpenShards() {
  const unsigned count = std::clamp(os::Cpus(), 1u, kMostShards);
  MutexLock lock(bins_[kZeroClass].mutex());  // The first that a fork takes.
  if (!may_open_shards_.load(std::memory_order_relaxed)) return;
  may_open_shards_.store(false, std::memory_order_relaxed);
  for (unsigned shard = 1; shard < count; ++shard) SetStores(shard);
  shards_.store(count, std::memory_order_release);
}

// --- Allocation --------------------------------------------------------------------

ThreadCache* Heap::Cache() const {
  if (!has_thread_caches() || keeps_forms) return nullptr;
  if (thread_cache == &no_cache && !AttachThreadCache(FlushOnThreadExit)) return nullptr;
  return thread_cache;
}

bool Heap::Refill(unsigned bin, ThreadCache& cache, int* error) {
  return TryShards(ShardOf(cache), bin - first_bin_, [&](Bin& shared) {
    return shared.Refill(bin, pages_, cache.bins[bin], cache.random, error);
  });
}

void* Heap::AllocateSmall(size_t request, unsigned bin, int* error) {
  ThreadCache* const cache = Cache();
  if (cache != nullptr) {
    CacheBin& cached = cache->bins[bin];
    if (!cached.CanTake()) {
      if (!Refill(bin, *cache, error)) return nullptr;
      BalanceStores();
      Pace(1);
    }
    // Beyond the reserve, or of it when memory is short.
    return HandOut(cached.TakeAny(), bin, cached.slot_size(), request);
  }
  void* slot = nullptr;
  const bool taken = TryShards(0, bin - first_bin_, [&](Bin& shared) {
    slot = shared.TakeOne(bin, pages_, error);
    return slot != nullptr;
  });
  if (!taken) return nullptr;
  return HandOut(slot, MarkOfBin(bin), kShapes[bin].slot_size, request);
}

void* Heap::Allocate(size_t request, int* error) {
  if (request > kMaxSlabRequest) return large_.Allocate({.size = request}, error);
  return AllocateSmall(request, ClassOf(SlotRequest(request)) + first_bin_, error);
}

void* Heap::AllocateAligned(size_t request, size_t alignment, int* error) {
  if (alignment <= kGranule) return Allocate(request, error);
  if (alignment <= kPageSize && request <= kMaxSlabRequest) {
    const unsigned size_class = AlignedClass(SlotRequest(request), alignment);
    if (size_class < kClasses && SlotSizeOf(size_class) - request <= kMaxSlack) {
      return AllocateSmall(request, size_class + first_bin_, error);
    }
  }
  return large_.Allocate({.size = request, .alignment = std::max(alignment, kPageSize)}, error);
}

void* Heap::AllocateOwnPages(size_t request, size_t alignment, bool at_end, int* error) {
  if (!at_end) alignment = std::max(alignment, kPageSize);
  return large_.Allocate({.size = request, .alignment = alignment, .at_end = at_end}, error);
}

int Heap::Reserve(size_t request, size_t count) {
  has_reservation_.store(true, std::memory_order_relaxed);
  if (request > kMaxSlabRequest) return large_.Reserve({.size = request}, count);
  const unsigned size_class = ClassOf(SlotRequest(request));
  return bins_[size_class].Reserve(first_bin_ + size_class, pages_, count);
}

// --- Free --------------------------------------------------------------------------

void Heap::FlushCached(unsigned size_class, CacheBin& cached, unsigned keep) {
  const bool several = is_sharded();
  // From the oldest end, which the thread's own CPU has least use for.
  unsigned left = cached.count() > keep ? cached.count() - keep : 0;
  while (left > 0) {
    const unsigned shard = several ? Slab::Of(cached.bottom()[0])->shard() : 0;
    left = BinAt(shard, size_class).Flush(pages_, cached, left, several);
  }
}

void Heap::GiveUncached(unsigned bin, void* slot) {
  BinAt(is_sharded() ? Slab::Of(slot)->shard() : 0, bin - first_bin_).GiveOne(pages_, slot);
}

void Heap::FreeLarge(void* object, const void* caller) {
  if (large_.Free(object, caller)) Pace(kLargeWork);
}

void Heap::GiveSlow(unsigned bin, ThreadCache& cache, void* slot) {
  CacheBin& cached = cache.bins[bin];
  if (cached.count() == cached.capacity()) {
    FlushCached(bin - first_bin_, cached, cached.capacity() / 2);
  } else if (cached.count() < cached.reserve()) {
    // Company for the slot to come, so that it is not next; without memory it goes alone.
    int error;
    (void)Refill(bin, cache, &error);
  }
  if (cached.CanGive()) {
    cached.Give(slot, cache.random);
  } else {
    GiveUncached(bin, slot);
  }
}

void Heap::Give(unsigned bin, void* slot) {
  ThreadCache* const cache = Cache();
  cache != nullptr ? GiveSlow(bin, *cache, slot) : GiveUncached(bin, slot);
}

void* Heap::MoveLarge(void* object, const LargeRequest& request) {
  Pace(kLargeWork);
  return large_.TryMove(object, request);
}

}  // namespace secure_alloc
