// Allocation and free as nearly every call sees them: no call, no lock, no atomic
// read-modify-write. What is unusual in any way returns false or null, and is
// looked at again, slowly and thoroughly, in heap.cc.
#pragma once

#include "allocator/base/bytes.h"
#include "allocator/base/fault.h"
#include "allocator/heap/thread_cache.h"
#include "allocator/slab/object.h"

namespace secure_alloc {

// Makes the slot last in the cache an object of `request` bytes.
inline void* HandOut(CacheBin& cache, unsigned bin, size_t request) {
  char* const object = static_cast<char*>(cache.Last());
  const uint64_t granule = space.GranuleIndex(Address(object));
  uint8_t* const shadow = space.shadow(granule);
  if (LoadShadow(shadow) != bin) [[unlikely]] Fault(FaultKind::kDoubleFree, nullptr);
  const size_t slot_size = cache.slot_size;
  if (!IsZero(object, slot_size)) [[unlikely]] Fault(FaultKind::kWriteAfterFree, nullptr);
  cache.DropLast();
  const size_t slack = slot_size - request;
  StoreShadow(shadow, static_cast<uint8_t>(kLive | bin));
  StoreSlack(shadow, slack);
  SetCheckBytes(object, slot_size, slack, granule);
  return object;
}

// Null: take the slow path. first_bin: 0 or kHeapStride.
inline void* AllocateFast(size_t request, unsigned first_bin) {
  if (request - 1 >= kMaxSlabRequest) [[unlikely]] return nullptr;  // Zero wraps around.
  const unsigned bin = ClassOf(request) + first_bin;
  CacheBin& cache = thread_cache->bins[bin];
  if (!cache.CanTake()) [[unlikely]] return nullptr;
  return HandOut(cache, bin, request);
}

// Makes a checked, live slab object a free slot of this thread's cache.
inline void TakeBack(ThreadCache& cache, CacheBin& bin, void* object, uint8_t* shadow,
                     uint8_t state) {
  StoreShadow(shadow, static_cast<uint8_t>(state & ~kLive));
  Wipe(object, bin.slot_size);
  bin.Give(object, cache.random);
}

// False: take the slow path, nothing has happened.
inline bool FreeFast(void* object) {
  const uint64_t granule = space.GranuleIndex(Address(object));
  if (granule >= space.granules()) [[unlikely]] return false;
  uint8_t* const shadow = space.shadow(granule);
  const uint8_t state = LoadShadow(shadow);
  const size_t slot_size = kLiveSlotSize[state];
  if (slot_size == 0) [[unlikely]] return false;
  const char* const bytes = static_cast<const char*>(object);
  if (!CheckBytesHold(bytes, slot_size, LoadSlack(shadow), granule)) [[unlikely]] return false;
  ThreadCache& cache = *thread_cache;
  CacheBin& bin = cache.bins[state & ~kLive];
  if (!bin.CanGive()) [[unlikely]] return false;
  TakeBack(cache, bin, object, shadow, state);
  return true;
}

}  // namespace secure_alloc
