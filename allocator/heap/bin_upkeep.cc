// What keeps a bin small, and what all of it goes through at once.
#include <algorithm>

#include "allocator/heap/bin.h"

namespace secure_alloc {
namespace {

// When a bin purges: its slabs have so many free bytes more than they once had since the last
// purge, and a free slot more for so many that are in use.
constexpr size_t kPurgedBytes = kMiB;
constexpr size_t kUsedPerFree = 4;

// When slots that have been idle are worth it: so many bytes of them, and one for so many in use.
constexpr size_t kPurgedIdleBytes = 32 * kKiB;
constexpr size_t kUsedPerIdle = 16;

}  // namespace

void Bin::PurgeIfDue() {
  const size_t more = free_slots_ - least_free_, used = total_slots_ - free_slots_;
  if (available_.empty() || more < used / kUsedPerFree) return;
  if (more * kShapes[available_.first()->bin()].slot_size >= kPurgedBytes) Purge();
}

void Bin::Purge() {
  least_free_ = free_slots_;
  if (available_.empty() || reserved_slots_ != 0 ||
      available_.first()->run().arena->source->protection() != Protection::kPlain) {
    return;
  }
  for (Slab* const slab : available_) slab->DiscardFreePages();
}

void Bin::Unstore(PageHeap& pages, unsigned count) {
  for (unsigned i = 0; i < count; ++i) GiveToSlab(pages, store_[i]);
  std::copy(store_ + count, store_ + stored_, store_);
  stored_ -= count;
  idle_stored_ = stored_;
}

void Bin::GiveBackIdle(PageHeap& pages) {
  MutexLock lock(mutex_);
  if (!available_.empty()) {
    const size_t idle = idle_free_ - std::min(idle_free_, least_free_);
    const size_t used = total_slots_ - free_slots_;
    const size_t idle_bytes = idle * kShapes[available_.first()->bin()].slot_size;
    if (idle_bytes >= kPurgedIdleBytes && idle >= used / kUsedPerIdle) Purge();
  }
  Unstore(pages, idle_stored_);
  idle_free_ = free_slots_;
}

void Bin::Trim(PageHeap& pages) {
  MutexLock lock(mutex_);
  if (held_ != nullptr) GiveToSlab(pages, held_);
  held_ = nullptr;
  Unstore(pages, stored_);
  for (Slab* const slab : available_) {
    if (!slab->empty() || IsReserved(*slab)) continue;
    --empty_slabs_;
    pages.Give(UnmakeSlab(slab));
  }
  Purge();
}

Bin::Usage Bin::GetUsage() {
  MutexLock lock(mutex_);
  return {slab_bytes_, free_slots_ + stored_ + (held_ != nullptr)};
}

void Bin::Forget() {
  available_.Forget();
  empty_slabs_ = 0;
  slab_bytes_ = 0;
  total_slots_ = 0;
  free_slots_ = 0;
  least_free_ = 0;
  idle_free_ = 0;
  reserved_slots_ = 0;
  stored_ = 0;
  idle_stored_ = 0;
  held_ = nullptr;
}

}  // namespace secure_alloc
