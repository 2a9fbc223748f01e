#include "allocator/heap/bin.h"

#include <algorithm>

#include "allocator/base/fault.h"

namespace secure_alloc {
namespace {

// Slabs that are wholly free and kept nevertheless: one, so that a single object that
// comes and goes does not carry its slab along.
constexpr unsigned kEmptySlabsKept = 1;

// Secret slots are too scarce to lie in a store; size-zero objects have no cache.
unsigned StoreLimit(unsigned bin) {
  if (bin >= kHeapStride || bin % kHeapStride == kZeroClass) return 0;
  return std::min<unsigned>(Bin::kStoreSlots, kShapes[bin].cache_capacity * 2u);
}

}  // namespace

void Bin::Link(Slab* slab) {
  slab->previous = nullptr;
  slab->next = available_;
  if (available_ != nullptr) available_->previous = slab;
  available_ = slab;
}

void Bin::Unlink(Slab* slab) {
  (slab->previous != nullptr ? slab->previous->next : available_) = slab->next;
  if (slab->next != nullptr) slab->next->previous = slab->previous;
}

unsigned Bin::Take(unsigned bin, PageHeap& pages, void** slots, unsigned count,
                   RandomBits& random, int* error) {
  unsigned taken = std::min(count, stored_);
  stored_ -= taken;
  for (unsigned i = 0; i < taken; ++i) slots[i] = store_[stored_ + i];
  while (taken < count) {
    if (available_ == nullptr) {
      // What there is will do: a new slab for the last few would only spread objects out.
      if (taken > kShapes[bin].cache_reserve) break;
      Run run;
      if (!pages.TryTake(kShapes[bin].order, &run, error)) break;
      Slab* const slab = Slab::Make(run, bin);
      Link(slab);
      ++slabs_;
      ++empty_slabs_;
      free_slots_ += slab->free_slots();
    }
    Slab* const slab = available_;
    if (slab->empty()) --empty_slabs_;
    const unsigned got = slab->Take(slots + taken, count - taken, random);
    free_slots_ -= got;
    taken += got;
    if (slab->full()) Unlink(slab);
  }
  return taken;
}

bool Bin::Refill(unsigned bin, PageHeap& pages, CacheBin& cache, RandomBits& random, int* error) {
  random.Stir(RandomWord());
  MutexLock lock(mutex_);
  const unsigned target = std::max(cache.capacity() / 2, cache.reserve + 1u);
  const unsigned count = cache.count();
  if (count >= target) return true;
  const unsigned taken = Take(bin, pages, cache.top, target - count, random, error);
  cache.SetCount(count + taken);
  // When memory is short the reserve is better than nothing.
  return count + taken > 0;
}

void* Bin::TakeOne(unsigned bin, PageHeap& pages, int* error) {
  RandomBits random;
  random.Stir(RandomWord());
  MutexLock lock(mutex_);
  void* slot = nullptr;
  return Take(bin, pages, &slot, 1, random, error) == 1 ? slot : nullptr;
}

void Bin::GiveToSlab(PageHeap& pages, void* slot) {
  Slab* const slab = Slab::Of(slot);
  const bool was_full = slab->full();
  if (!slab->Give(slot)) Fault(FaultKind::kDoubleFree, nullptr);
  ++free_slots_;
  if (was_full) Link(slab);
  if (!slab->empty()) return;
  if (empty_slabs_ < kEmptySlabsKept) {
    ++empty_slabs_;
    return;
  }
  Unlink(slab);
  --slabs_;
  free_slots_ -= slab->free_slots();
  pages.Give(slab->Unmake());
}

void Bin::Flush(unsigned bin, PageHeap& pages, CacheBin& cache, unsigned keep) {
  MutexLock lock(mutex_);
  const unsigned limit = StoreLimit(bin);
  // From the oldest end, which the thread's own CPU has least use for.
  void** const slots = cache.bottom();
  const unsigned count = cache.count();
  const unsigned flushed = count > keep ? count - keep : 0;
  for (unsigned i = 0; i < flushed; ++i) {
    if (stored_ < limit) {
      store_[stored_++] = slots[i];
    } else {
      GiveToSlab(pages, slots[i]);
    }
  }
  std::copy(slots + flushed, slots + count, slots);
  cache.SetCount(count - flushed);
}

void Bin::GiveOne(unsigned bin, PageHeap& pages, void* slot) {
  MutexLock lock(mutex_);
  if (stored_ < StoreLimit(bin)) {
    store_[stored_++] = slot;
  } else {
    GiveToSlab(pages, slot);
  }
}

void Bin::Trim(PageHeap& pages) {
  MutexLock lock(mutex_);
  while (stored_ > 0) GiveToSlab(pages, store_[--stored_]);
  Slab* next;
  for (Slab* slab = available_; slab != nullptr; slab = next) {
    next = slab->next;
    if (!slab->empty()) continue;
    Unlink(slab);
    --slabs_;
    free_slots_ -= slab->free_slots();
    pages.Give(slab->Unmake());
  }
  empty_slabs_ = 0;
}

Bin::Usage Bin::GetUsage() {
  MutexLock lock(mutex_);
  return {slabs_, free_slots_ + stored_};
}

void Bin::Forget() {
  available_ = nullptr;
  empty_slabs_ = 0;
  slabs_ = 0;
  free_slots_ = 0;
  stored_ = 0;
}

}  // namespace secure_alloc
