#include "allocator/heap/live_object.h"

#include <errno.h>

#include "allocator/base/fault.h"
#include "allocator/heap/private_heap.h"
#include "allocator/heap/standard_heaps.h"
#include "allocator/os/keys.h"
#include "allocator/slab/slab.h"

namespace secure_alloc {
namespace {

bool IsLarge(unsigned bin) { return ClassOfBin(bin) == kLargeClass; }

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
  if (arena != nullptr && !arena->whole) {
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

// The state of a live object of ours, which for a slot is its shadow. Null outside the space.
uint8_t* StateOfLive(const void* object, Wanted wanted, const void* caller) {
  if (!space.Contains(Address(object))) return nullptr;
  if (space.GranuleIndex(Address(object)) >= space.granules()) FaultNotLive(object, wanted, caller);
  uint8_t* const state = StateOf(object);
  if ((LoadShadow(state) & kLive) == 0) FaultNotLive(object, wanted, caller);
  return state;
}

void CheckSlot(const void* object, const uint8_t* shadow, size_t slot_size, const void* caller) {
  if (!CheckBytesHold(static_cast<const char*>(object), slot_size, LoadSlack(shadow))) {
    Fault(FaultKind::kOverflow, caller);
  }
}

}  // namespace

bool FreeChecked(void* object, const void* caller) {
  uint8_t* const shadow = StateOfLive(object, Wanted::kFree, caller);
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
  heap.Give(bin, object);
  return true;
}

size_t ObjectSize(const void* object) {
  const uint8_t* const shadow = StateOf(object);
  if (IsZeroSize(BinOf(object, LoadShadow(shadow) & ~kLive))) return 0;
  const Arena& arena = *space.OwnerOf(Address(object));
  // A forgotten object has lost its bin; its arena's records have not.
  const bool is_slab =
      !arena.whole && arena.info[arena.PageOf(Address(object))].kind == PageKind::kSlab;
  if (!is_slab) return LargeStore::RequestedSize(object);
  return kShapes[Slab::Of(object)->bin()].slot_size - LoadSlack(shadow);
}

bool Inspect(const void* object, const void* caller, ObjectInfo* info) {
  const uint8_t* const shadow = StateOfLive(object, Wanted::kUse, caller);
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
  uint8_t* const shadow = StateOfLive(object, Wanted::kUse, caller);
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

void* TryMove(void* object, size_t old_size, size_t request) {
  const unsigned bin = LoadShadow(StateOf(object)) & ~kLive;
  if (bin != kOrdinaryBins + kLargeClass) return nullptr;
  return ordinary_heap.MoveLarge(object, LargeRequest::Resized(old_size, request));
}

int SetAccess(void* object, Access access, const void* caller) {
  const uint8_t* const shadow = StateOfLive(object, Wanted::kUse, caller);
  if (shadow == nullptr) return EINVAL;
  const unsigned bin = BinOf(object, LoadShadow(shadow) & ~kLive);
  if (!IsLarge(bin)) return EINVAL;
  return HeapOf(object, bin).large().SetAccess(object, access);
}

}  // namespace secure_alloc
