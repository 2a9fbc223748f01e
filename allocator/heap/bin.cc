#include "allocator/heap/bin.h"

#include <errno.h>

#include <algorithm>
#include <utility>

#include "allocator/base/fault.h"
#include "allocator/os/os.h"
#include "allocator/slab/object.h"

namespace secure_alloc {
namespace {

// Slabs that are wholly free and kept nevertheless: one, so that a single object that
// comes and goes does not carry its slab along.
constexpr unsigned kEmptySlabsKept = 1;

// Slabs that a bin must have before further ones are populated at once.
constexpr size_t kPopulateAfter = 3;

}  // namespace

void Bin::SetStore(unsigned bin, unsigned shard, void** store) {
  MutexLock lock(mutex_);
  shard_ = shard;
  store_limit_ = StoreSlots(bin);
  if (store_limit_ > 0) store_ = store;
}

void Bin::MakeSlab(const Run& run, unsigned bin) {
  Slab* const slab = Slab::Make(run, bin, shard_);
  available_.Push(slab);
  ++empty_slabs_;
  slab_bytes_ += run.bytes();
  total_slots_ += slab->slots();
  free_slots_ += slab->slots();
  least_free_ += slab->slots();
  idle_free_ += slab->slots();
}

// The slab is empty, and was counted as such or is not linked yet.
Run Bin::UnmakeSlab(Slab* slab) {
  available_.Remove(slab);
  const Run run = slab->Unmake();
  slab_bytes_ -= run.bytes();
  total_slots_ -= slab->slots();
  free_slots_ -= slab->slots();
  least_free_ -= std::min<size_t>(least_free_, slab->slots());
  idle_free_ -= std::min<size_t>(idle_free_, slab->slots());
  return run;
}

bool Bin::AddSlab(unsigned bin, PageHeap& pages, int* error) {
  const SlabShape& shape = kShapes[bin];
  const unsigned least = std::max(pages.smallest_order(), CeilLog2(PagesFor(shape.slot_size)));
  // What is reserved must do for any mix of sizes: no more than a page is lost to one of them.
  unsigned order = pages.has_reservation() ? least : std::max<unsigned>(shape.order, least);
  Run run;
  // When memory is short, a slab of few slots down to one.
  for (; !pages.TryTake(order, &run, error); --order) {
    if (order <= least) return false;
  }
  // Checked when it is handed out, a fresh page would be faulted in twice: for reading, then
  // for writing. A bin that grows will use it anyway.
  if (slab_bytes_ >= kPopulateAfter * run.bytes() &&
      run.arena->source->protection() == Protection::kPlain) {
    os::Populate(run.address(), run.bytes());
  }
  MakeSlab(run, bin);
  return true;
}

unsigned Bin::Take(unsigned bin, PageHeap& pages, void** slots, unsigned count,
                   RandomBits& random, int* error) {
  unsigned taken = std::min(count, stored_);
  stored_ -= taken;
  idle_stored_ = std::min(idle_stored_, stored_);
  for (unsigned i = 0; i < taken; ++i) slots[i] = store_[stored_ + i];
  while (taken < count) {
    if (available_.empty()) {
      // What there is will do: a new slab for the last few would only spread objects out.
      if (taken > kShapes[bin].cache_reserve) break;
      if (!MayAddSlab(pages) || !AddSlab(bin, pages, error)) {
        if (held_ == nullptr) break;
        slots[taken++] = held_;
        held_ = nullptr;
        continue;
      }
    }
    Slab* const slab = available_.first();
    if (slab->empty()) --empty_slabs_;
    const unsigned got = slab->Take(slots + taken, count - taken, random);
    free_slots_ -= got;
    least_free_ = std::min(least_free_, free_slots_);
    idle_free_ = std::min(idle_free_, free_slots_);
    taken += got;
    if (slab->full()) available_.Remove(slab);
  }
  return taken;
}

bool Bin::Refill(unsigned bin, PageHeap& pages, CacheBin& cache, RandomBits& random, int* error) {
  random.Stir(RandomWord());
  MutexLock lock(mutex_);
  const unsigned target = cache.NextRefill();
  const unsigned count = cache.count();
  if (count >= target) return true;
  const unsigned taken = Take(bin, pages, cache.top(), target - count, random, error);
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
  // Two frees at the same time: the slot is in the slab already, or was handed out since.
  const bool live = (LoadShadow(space.ShadowOf(slot)) & kLive) != 0;
  if (live || !slab->Give(slot)) Fault(FaultKind::kDoubleFree, nullptr);
  ++free_slots_;
  if (was_full) available_.Push(slab);
  if (!slab->empty()) return;
  if (empty_slabs_ < kEmptySlabsKept || IsReserved(*slab)) {
    ++empty_slabs_;
    return;
  }
  pages.Give(UnmakeSlab(slab));
}

void Bin::Give(PageHeap& pages, void* slot) {
  if (stored_ < store_limit_) {
    store_[stored_++] = slot;
  } else {
    GiveToSlab(pages, slot);
  }
}

unsigned Bin::Flush(PageHeap& pages, CacheBin& cache, unsigned count, bool is_sharded) {
  MutexLock lock(mutex_);
  void** const slots = cache.bottom();
  unsigned others = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (is_sharded && Slab::Of(slots[i])->shard() != shard_) {
      slots[others++] = slots[i];
    } else {
      Give(pages, slots[i]);
    }
  }
  std::copy(slots + count, slots + cache.count(), slots + others);
  cache.SetCount(cache.count() - count + others);
  PurgeIfDue();
  return others;
}

void Bin::GiveOne(PageHeap& pages, void* slot) {
  MutexLock lock(mutex_);
  if (slot == held_) Fault(FaultKind::kDoubleFree, nullptr);  // Two frees at the same time.
  std::swap(slot, held_);
  if (slot != nullptr) Give(pages, slot);
}

int Bin::Reserve(unsigned bin, PageHeap& pages, size_t count) {
  MutexLock lock(mutex_);
  const SlabShape& shape = kShapes[bin];
  const size_t live = total_slots_ - free_slots_ - stored_ - (held_ != nullptr);
  size_t wanted;
  if (__builtin_add_overflow(std::max(reserved_slots_, live), count, &wanted)) return ENOMEM;
  if (wanted > total_slots_) {
    const unsigned order = std::max<unsigned>(shape.order, pages.smallest_order());
    const size_t slabs =
        (wanted - total_slots_ - 1) / SlotsIn(shape, BytesOf(Pages{1} << order)) + 1;
    const int error = pages.ReserveRuns(order, slabs, [&](const Run& run)
                                            SA_NO_THREAD_SAFETY { MakeSlab(run, bin); });
    if (error != 0) return error;
  }
  reserved_slots_ = wanted;
  return 0;
}

}  // namespace secure_alloc
