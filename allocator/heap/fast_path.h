// Allocation and free as nearly every call sees them: no call, no lock, no atomic
// read-modify-write. What is unusual in any way returns false or null, and is
// looked at again, slowly and thoroughly, in heap.cc.
#pragma once

#include "allocator/base/bytes.h"
#include "allocator/base/fault.h"
#include "allocator/heap/thread_cache.h"
#include "allocator/slab/object.h"

namespace secure_alloc {

// How slots are checked and wiped: by inlined code only, so that nothing but the slow path is
// ever called, and no larger ones; or any, by functions if need be.
enum class Reach { kInline, kAll };
static_assert(SlotSizeOf(ComputeClass(internal::kInlineBytes - 1)) == internal::kInlineBytes);

// Makes a free slot, which its shadow has as `mark`, an object of `request` bytes.
template <Reach kReach = Reach::kAll>
[[gnu::always_inline]] inline void* HandOut(void* slot, unsigned mark, size_t slot_size,
                                            size_t request) {
  uint8_t* const shadow = space.ShadowOf(slot);
  if (LoadShadow(shadow) != mark) [[unlikely]] Fault(FaultKind::kDoubleFree, nullptr);
  const bool is_zero = kReach == Reach::kInline ? IsZeroInline(slot, slot_size)
                                                : IsZero(slot, slot_size);
  if (!is_zero) [[unlikely]] Fault(FaultKind::kWriteAfterFree, nullptr);
  const size_t slack = slot_size - request;
  StoreSlack(shadow, slack);
  SetCheckBytes(static_cast<char*>(slot), slot_size, slack);
  SetLive(shadow, mark);
  if (slot == nullptr) __builtin_unreachable();  // Callers need not look.
  return slot;
}

// Null: take the slow path. first_bin: kOrdinaryBins or kSecretBins.
[[gnu::always_inline]] inline void* AllocateFast(size_t request, unsigned first_bin) {
  if (request - 1 >= kMaxSlabRequest) [[unlikely]] return nullptr;  // Zero wraps around.
  const unsigned bin = ClassOf(request) + first_bin;
  CacheBin& cache = thread_cache->bins[bin];
  if (!cache.CanTake()) [[unlikely]] return nullptr;
  return HandOut(cache.Take(), bin, cache.slot_size(), request);
}

// The same for what fits a slot within the inline reach.
[[gnu::always_inline]] inline void* AllocateInline(size_t request, unsigned first_bin) {
  if (request - 1 >= last_inline_byte) [[unlikely]] return nullptr;
  const unsigned bin = internal::kClassTable[request / 16] + first_bin;
  CacheBin& cache = thread_cache->bins[bin];
  if (!cache.CanTake()) [[unlikely]] return nullptr;
  return HandOut<Reach::kInline>(cache.Take(), bin, cache.slot_size(), request);
}

// Of a long slot what was asked for and the check bytes: the rest is zero, or that is seen when
// the slot is handed out.
inline void WipeSlot(void* object, size_t slot_size, size_t slack) {
  if (slot_size - 1 <= last_inline_byte) return WipeInline(object, slot_size);
  const size_t written = slot_size - slack + 1;
  slot_size > kPageSize ? WipeWritten(object, RoundUp(written, kGranule))
                        : WipeBytes(object, written);
  static_cast<char*>(object)[slot_size - 1] = 0;
}

// False: take the slow path, nothing has happened. So it is for an object of another size than
// the caller says, if he says one.
template <Reach kReach, typename... Size>
[[gnu::always_inline]] inline bool FreeWithin(void* object, Size... size) {
  const uint64_t granule = space.GranuleIndex(Address(object));
  if (granule >= space.granules()) [[unlikely]] return false;
  uint8_t* const shadow = space.shadow(granule);
  const unsigned state = LoadShadow(shadow);
  const unsigned mark = state & ~kLive;
  const size_t last_byte = kLiveLastByte[state];  // Above all if it is not live.
  if (last_byte > (kReach == Reach::kInline ? last_inline_byte : kMaxSlot - 1)) [[unlikely]]
    return false;
  const size_t slot_size = last_byte + 1;
  const size_t slack = LoadSlack(shadow);
  if ((... || (slot_size - slack != size))) [[unlikely]] return false;
  if (!CheckBytesHold(static_cast<const char*>(object), slot_size, slack)) [[unlikely]]
    return false;
  ThreadCache& cache = *thread_cache;
  CacheBin& bin = cache.bins[mark];
  if (!bin.CanGive()) [[unlikely]] return false;
  StoreShadow(shadow, static_cast<uint8_t>(mark));
  kReach == Reach::kInline ? WipeInline(object, slot_size) : WipeSlot(object, slot_size, slack);
  bin.Give(object, cache.random);
  return true;
}

template <typename... Size>
[[gnu::always_inline]] inline bool FreeFast(void* object, Size... size) {
  return FreeWithin<Reach::kAll>(object, size...);
}
template <typename... Size>
[[gnu::always_inline]] inline bool FreeInline(void* object, Size... size) {
  return FreeWithin<Reach::kInline>(object, size...);
}

}  // namespace secure_alloc
