#include "allocator/heap/heap.h"

#include <errno.h>

#include <algorithm>

#include "allocator/heap/fast_path.h"
#include "allocator/heap/form.h"
#include "allocator/heap/private_heap.h"
#include "allocator/heap/standard_heaps.h"
#include "allocator/os/keys.h"
#include "allocator/os/os.h"
#include "allocator/slab/slab.h"

namespace secure_alloc {
namespace {

bool IsLarge(unsigned bin) { return ClassOfBin(bin) == kLargeClass; }
bool IsZeroSize(unsigned bin) { return ClassOfBin(bin) == kZeroClass; }

// Of a live object.
Heap& HeapOf(const void* object, unsigned bin) {
  if (bin >= kDomainBins) return PrivateHeap::Of(object).heap();
  return bin >= kSecretBins ? secret_heap : ordinary_heap;
}

// The protection key that it may lie under.
unsigned KeyOf(const void* object, unsigned bin) {
  return bin >= kDomainBins ? PrivateHeap::Of(object).key() : os::kNoKey;
}

// The address is inside the space and no live object's start: say so.
enum class Wanted { kFree, kUse };
[[noreturn]] void FaultNotLive(const void* address, Wanted wanted, const void* caller) {
  if (wanted == Wanted::kUse) Fault(FaultKind::kFreedUse, caller);
  Arena* const arena = space.OwnerOf(Address(address));
  if (arena != nullptr && arena->Covers(Address(address)) && !arena->whole) {
    const PageInfo& info = arena->info[arena->PageOf(Address(address))];
    if (info.kind == PageKind::kSlab) {
      const Slab* slab = static_cast<const Slab*>(arena->RecordOf(info.first));
      if (slab->IsSlotStart(address)) Fault(FaultKind::kDoubleFree, caller);
    }
    if (info.kind == PageKind::kLarge && arena->AddressOf(info.first) == address) {
      Fault(FaultKind::kDoubleFree, caller);
    }
  }
  Fault(FaultKind::kInvalidFree, caller);
}

// The shadow of a live object of ours. Null outside the space.
uint8_t* ShadowOfLive(const void* object, Wanted wanted, const void* caller) {
  if (!space.Contains(Address(object))) return nullptr;
  const uint64_t granule = space.GranuleIndex(Address(object));
  if (granule >= space.granules()) FaultNotLive(object, wanted, caller);
  uint8_t* const shadow = space.shadow(granule);
  if ((LoadShadow(shadow) & kLive) == 0) FaultNotLive(object, wanted, caller);
  return shadow;
}

void CheckSlot(const void* object, const uint8_t* shadow, size_t slot_size, const void* caller) {
  if (!CheckBytesHold(static_cast<const char*>(object), slot_size, LoadSlack(shadow))) {
    Fault(FaultKind::kOverflow, caller);
  }
}

void FlushOnThreadExit(ThreadCache& cache) {
  ordinary_heap.Flush(cache);
  secret_heap.Flush(cache);
}

ThreadCache* AttachedCache() {
  if (keeps_forms) return nullptr;
  if (thread_cache == &no_cache && !AttachThreadCache(FlushOnThreadExit)) return nullptr;
  return thread_cache;
}

// What large objects are as work, beside a refill, which is 1: see Heap::Pace.
constexpr unsigned kLargeWork = 16;

// What a slot must have room for.
size_t SlotRequest(size_t request) {
  return keeps_forms ? std::max(request, kMinSlot) : request;
}

}  // namespace

// --- Allocation --------------------------------------------------------------------

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

bool Heap::Refill(unsigned bin, ThreadCache& cache, int* error) {
  return TryShards(ShardOf(cache), bin - first_bin_, [&](Bin& shared) {
    return shared.Refill(bin, pages_, cache.bins[bin], cache.random, error);
  });
}

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

void* Heap::AllocateSmall(size_t request, unsigned bin, int* error) {
  ThreadCache* const cache = has_thread_caches() ? AttachedCache() : nullptr;
  if (cache != nullptr) {
    CacheBin& cached = cache->bins[bin];
    if (!cached.CanTake()) {
      if (!Refill(bin, *cache, error)) return nullptr;
      BalanceStores();
      Pace(1);
    }
    // Beyond the reserve, or of it when memory is short.
    return HandOut(*--cached.top, bin, cached.slot_size, request);
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

void Heap::FreeLarge(void* object, const void* caller) {
  if (large_.Free(object, caller)) Pace(kLargeWork);
}

void Heap::GiveSlow(unsigned bin, ThreadCache& cache, void* slot) {
  CacheBin& cached = cache.bins[bin];
  if (cached.count() == cached.capacity()) {
    FlushCached(bin - first_bin_, cached, cached.capacity() / 2);
  } else if (cached.count() < cached.reserve) {
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

bool FreeChecked(void* object, const void* caller) {
  uint8_t* const shadow = ShadowOfLive(object, Wanted::kFree, caller);
  if (shadow == nullptr) return false;
  const uint8_t state = LoadShadow(shadow);
  const unsigned bin = BinOf(object, state & ~kLive);
  if (bin == kForgottenBin) return true;  // The parent's object: nothing of it is here.
  if (IsZeroSize(bin)) {
    (bin >= kSecretBins ? secret_heap : ordinary_heap).FreeZeroSize(object, caller);
    return true;
  }
  Heap& heap = HeapOf(object, bin);
  const os::KeyOpened opened(KeyOf(object, bin));
  if (IsLarge(bin)) {
    heap.FreeLarge(object, caller);
    return true;
  }
  const size_t slot_size = kShapes[bin].slot_size;
  SA_CHECK(slot_size != 0);
  CheckSlot(object, shadow, slot_size, caller);
  StoreShadow(shadow, static_cast<uint8_t>(state & ~kLive));
  Wipe(object, slot_size);
  ThreadCache* const cache = heap.has_thread_caches() ? AttachedCache() : nullptr;
  if (cache != nullptr) {
    heap.GiveSlow(bin, *cache, object);
  } else {
    heap.GiveUncached(bin, object);
  }
  return true;
}

// --- Questions and resizing --------------------------------------------------------

size_t ObjectSize(const void* object) {
  const uint8_t* const shadow = space.ShadowOf(object);
  if (IsZeroSize(BinOf(object, LoadShadow(shadow) & ~kLive))) return 0;
  const Arena& arena = *space.OwnerOf(Address(object));
  // A forgotten object has lost its bin; its arena's records have not.
  const bool is_slab =
      !arena.whole && arena.info[arena.PageOf(Address(object))].kind == PageKind::kSlab;
  if (!is_slab) return LargeStore::RequestedSize(object);
  return kShapes[Slab::Of(object)->bin()].slot_size - LoadSlack(shadow);
}

bool Inspect(const void* object, const void* caller, ObjectInfo* info) {
  const uint8_t* const shadow = ShadowOfLive(object, Wanted::kUse, caller);
  if (shadow == nullptr) return false;
  const unsigned bin = BinOf(object, LoadShadow(shadow) & ~kLive);
  // A forgotten object was a secret.
  info->first_bin = FirstBinOf(bin);
  const os::KeyOpened opened(KeyOf(object, bin));
  const size_t slot_size = kShapes[bin].slot_size;
  if (slot_size != 0 && !IsZeroSize(bin)) [[likely]] {
    CheckSlot(object, shadow, slot_size, caller);
    info->size = slot_size - LoadSlack(shadow);
    return true;
  }
  if (IsLarge(bin)) LargeStore::CheckIntact(object, caller);
  info->size = ObjectSize(object);
  return true;
}

bool TryResize(void* object, size_t request, const void* caller) {
  uint8_t* const shadow = ShadowOfLive(object, Wanted::kUse, caller);
  const unsigned bin = BinOf(object, LoadShadow(shadow) & ~kLive);
  if (IsZeroSize(bin) || bin == kForgottenBin || request == 0) return false;
  const os::KeyOpened opened(KeyOf(object, bin));
  if (IsLarge(bin)) return HeapOf(object, bin).large().TryResize(object, request, caller);
  const size_t slot_size = kShapes[bin].slot_size;
  CheckSlot(object, shadow, slot_size, caller);
  // Not into a slot that is more than twice too large.
  if (request >= slot_size || request < slot_size / 2 || slot_size - request > kMaxSlack) {
    return false;
  }
  const size_t slack = slot_size - request;
  ChangeSlack(static_cast<char*>(object), slot_size, LoadSlack(shadow), slack,
              [&] { StoreSlack(shadow, slack); });
  return true;
}

void* Heap::MoveLarge(void* object, const LargeRequest& request) {
  Pace(kLargeWork);
  return large_.TryMove(object, request);
}

void* TryMove(void* object, size_t request) {
  const unsigned bin = LoadShadow(space.ShadowOf(object)) & ~kLive;
  if (bin != kOrdinaryBins + kLargeClass) return nullptr;
  return ordinary_heap.MoveLarge(object, LargeRequest::Growing(request));
}

int SetAccess(void* object, Access access, const void* caller) {
  const uint8_t* const shadow = ShadowOfLive(object, Wanted::kUse, caller);
  if (shadow == nullptr) return EINVAL;
  const unsigned bin = BinOf(object, LoadShadow(shadow) & ~kLive);
  if (!IsLarge(bin)) return EINVAL;
  return HeapOf(object, bin).large().SetAccess(object, access);
}

}  // namespace secure_alloc
