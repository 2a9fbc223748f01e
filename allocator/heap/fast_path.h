// Allocation and free as nearly every call sees them: no call, no lock, no atomic
// read-modify-write. What is unusual in any way returns false or null, and is
// looked at again, slowly and thoroughly, in heap.cc.
#pragma once

#include "allocator/base/bytes.h"
#include "allocator/base/fault.h"
#include "allocator/heap/thread_cache.h"
#include "allocator/slab/object.h"

namespace secure_alloc {

// Makes a free slot an object of `request` bytes.
[[gnu::always_inline]] inline void* HandOut(void* slot, unsigned bin, size_t slot_size,
                                            size_t request) {
  char* const object = static_cast<char*>(slot);
  uint8_t* const shadow = space.ShadowOf(object);
  if (LoadShadow(shadow) != bin) [[unlikely]] Fault(FaultKind::kDoubleFree, nullptr);
  if (!IsZero(object, slot_size)) [[unlikely]] Fault(FaultKind::kWriteAfterFree, nullptr);
  const size_t slack = slot_size - request;
  StoreSlack(shadow, slack);
  SetCheckBytes(object, slot_size, slack);
  SetLive(shadow, bin);
  return object;
}

// Null: take the slow path. first_bin: kOrdinaryBins or kSecretBins.
[[gnu::always_inline]] inline void* AllocateFast(size_t request, unsigned first_bin) {
  if (request - 1 >= kMaxSlabRequest) [[unlikely]] return nullptr;  // Zero wraps around.
  const unsigned bin = ClassOf(request) + first_bin;
  CacheBin& cache = thread_cache->bins[bin];
  if (!cache.CanTake()) [[unlikely]] return nullptr;
  return HandOut(cache.Take(), bin, cache.slot_size, request);
}

// The same for what fits a slot that is checked and wiped by inlined code, so that nothing
// but the slow path is ever called.
[[gnu::always_inline]] inline void* AllocateInline(size_t request, unsigned first_bin) {
  if (request - 1 >= kInlineBytes - 1) [[unlikely]] return nullptr;
  const unsigned bin = internal::kClassTable[request / 16] + first_bin;
  CacheBin& cache = thread_cache->bins[bin];
  if (!cache.CanTake()) [[unlikely]] return nullptr;
  const size_t slot_size = cache.slot_size;
  if (slot_size > kInlineBytes) __builtin_unreachable();
  return HandOut(cache.Take(), bin, slot_size, request);
}

// False: take the slow path, nothing has happened. kMaxSize: larger slots are left to it, and so
// are objects of another size than the caller says, if he says one.
template <size_t kMaxSize, typename... Size>
[[gnu::always_inline]] inline bool FreeUpTo(void* object, Size... size) {
  const uint64_t granule = space.GranuleIndex(Address(object));
  if (granule >= space.granules()) [[unlikely]] return false;
  uint8_t* const shadow = space.shadow(granule);
  const uint8_t state = LoadShadow(shadow);
  const size_t slot_size = kLiveSlotSize[state];
  if (slot_size - 1 >= kMaxSize) [[unlikely]] return false;  // Zero, not live, wraps around.
  const size_t slack = LoadSlack(shadow);
  if ((... || (slot_size - slack != size))) [[unlikely]] return false;
  if (!CheckBytesHold(static_cast<const char*>(object), slot_size, slack)) [[unlikely]] return false;
  ThreadCache& cache = *thread_cache;
  CacheBin& bin = cache.bins[state & ~kLive];
  if (!bin.CanGive()) [[unlikely]] return false;
  StoreShadow(shadow, static_cast<uint8_t>(state & ~kLive));
  Wipe(object, slot_size);
  bin.Give(object, cache.random);
  return true;
}

template <typename... Size>
[[gnu::always_inline]] inline bool FreeFast(void* object, Size... size) {
  return FreeUpTo<kMaxSlot>(object, size...);
}
template <typename... Size>
[[gnu::always_inline]] inline bool FreeInline(void* object, Size... size) {
  return FreeUpTo<kInlineBytes>(object, size...);
}

}  // namespace secure_alloc
