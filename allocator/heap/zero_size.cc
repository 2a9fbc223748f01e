// The part of the heap with objects of size zero: addresses without memory, as no access to them
// may succeed. They are slots; where these are not aligned enough, pages, of which the one freed
// last waits until another is freed: so it is not next, and a second free of it is known as one.
#include "allocator/base/system_page.h"
#include "allocator/heap/heap.h"
#include "allocator/heap/large_run.h"
#include "allocator/heap/standard_heaps.h"

namespace secure_alloc {
namespace {

// Slabs begin with a page, so slots at multiples of their length.
constexpr size_t kSlotAlignment = SlotSizeOf(kZeroClass);

bool IsSlot(const void* object) {
  const Arena& arena = *space.OwnerOf(Address(object));
  return !arena.whole && KindOf(arena.info[arena.PageOf(Address(object))]) == PageKind::kSlab;
}

void* TakePage(size_t alignment, unsigned bin, int* error) {
  Run run;
  bool guarded;
  const bool taken =
      zero_size_pages.FitsBare(SystemPage(), alignment)
          ? zero_size_pages.TryTakeBare(SystemPage(), alignment, &run, error)
          : zero_size_pages.TryTakeGuarded(SystemPage(), alignment, &run, &guarded, error);
  if (!taken) return nullptr;
  SA_CHECK(LoadShadow(space.ShadowOf(run.address())) == 0);
  StoreShadow(space.ShadowOf(run.address()), static_cast<uint8_t>(bin));
  return run.address();
}

void GivePage(void* page) {
  const Run run = RunOf(page);
  StoreShadow(space.ShadowOf(page), 0);
  if (run.arena->whole) return zero_size_pages.GiveGuarded(run, true);
  zero_size_pages.Give(run);
}

}  // namespace

void* Heap::AllocateZeroSize(size_t alignment, int* error) {
  const unsigned bin = first_bin_ + kZeroClass;
  void* const object = alignment <= kSlotAlignment
                           ? bins_[kZeroClass].TakeOne(bin, zero_size_pages, error)
                           : TakePage(alignment, bin, error);
  if (object == nullptr) return nullptr;
  uint8_t* const shadow = space.ShadowOf(object);
  SA_CHECK(LoadShadow(shadow) == bin);
  SetLive(shadow, bin);
  return object;
}

void Heap::FreeZeroSize(void* object, const void* caller) {
  const uint8_t bin = static_cast<uint8_t>(first_bin_ + kZeroClass);
  uint8_t* const shadow = space.ShadowOf(object);
  // Of two simultaneous frees one sees the other here.
  const uint8_t was = __atomic_exchange_n(shadow, bin, __ATOMIC_RELAXED);
  if ((was & kLive) == 0) Fault(FaultKind::kDoubleFree, caller);
  if (IsSlot(object)) return bins_[kZeroClass].GiveOne(zero_size_pages, object);
  // A page with an arena of its own takes up too much address space to wait.
  if (!RunOf(object).arena->whole) object = waiting_zero_size_.exchange(object);
  if (object != nullptr) GivePage(object);
}

}  // namespace secure_alloc
