// Size classes: which slot size serves a request, and how the slabs of a class look.
//
// Classes are 16 bytes apart up to 128, then quarters of each doubling, so less than a fifth of
// a slot is wasted. One more comes first, for the power of two, which is what programs ask for
// most, and from 512 on another next, for that with a header of its own. A slot always has room
// for one check byte more than was asked for: malloc(16) takes 32 bytes, as glibc's header makes
// it do.
//
// A bin is a class in a heap: first come the ordinary heap's bins, then the secret heap's, then
// those that the heaps of all created domains share (the arena tells which one it is). The
// shadow holds a bin's mark: its number, so one load tells free() class and heap. Bins of
// created domains, which have no fast path, are too many for that: their slots share a mark.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "allocator/base/bits.h"

namespace secure_alloc {

inline constexpr size_t kMinSlot = 32;
inline constexpr size_t kMaxSlot = 32 * kKiB;
inline constexpr size_t kMaxSlabRequest = kMaxSlot - 1;

inline constexpr unsigned kZeroClass = 1;  // size-zero objects: inaccessible slots
inline constexpr unsigned kFirstClass = 2;
inline constexpr unsigned kClassesTo128 = 7;  // 32, 48, ... 128
inline constexpr unsigned kClassesTo512 = kClassesTo128 + 2 * 5;
inline constexpr unsigned kClasses = kFirstClass + kClassesTo512 + 6 * 6;  // to 32 KiB
inline constexpr unsigned kLargeClass = kClasses;  // an object that is a run of its own
inline constexpr unsigned kHeapStride = kLargeClass + 1;

inline constexpr unsigned kOrdinaryBins = 0;
inline constexpr unsigned kSecretBins = kHeapStride;
inline constexpr unsigned kDomainBins = 2 * kHeapStride;
inline constexpr unsigned kCachedBins = kDomainBins;  // created domains have no thread caches
inline constexpr unsigned kBins = 3 * kHeapStride;

inline constexpr unsigned kDomainSlotMark = kDomainBins;
inline constexpr unsigned kDomainLargeMark = kDomainBins + 1;
static_assert(kDomainLargeMark < 128, "a shadow byte has seven bits for it");

// Class 0 is no bin of any heap. In the secret heap's place: an object that this child of
// its owner does not have, see domain/fork.
inline constexpr unsigned kForgottenBin = kSecretBins;

constexpr unsigned ClassOfBin(unsigned bin) { return bin % kHeapStride; }
// Also of a mark. Created domains have no objects of size zero of their own.
constexpr bool IsZeroSize(unsigned bin) {
  return bin < kDomainBins && ClassOfBin(bin) == kZeroClass;
}
constexpr unsigned FirstBinOf(unsigned bin) { return bin - bin % kHeapStride; }
constexpr unsigned MarkOfBin(unsigned bin) {
  if (bin < kDomainBins) return bin;
  return ClassOfBin(bin) == kLargeClass ? kDomainLargeMark : kDomainSlotMark;
}

constexpr size_t SlotSizeOf(unsigned size_class) {
  if (size_class == kZeroClass) return kMinSlot;
  if (size_class < kFirstClass || size_class >= kClasses) return 0;
  const unsigned i = size_class - kFirstClass;
  if (i < kClassesTo128) return kMinSlot + 16 * i;
  const bool has_eighth = i >= kClassesTo512;
  const unsigned above = i - (has_eighth ? kClassesTo512 : kClassesTo128);
  const unsigned classes = has_eighth ? 6 : 5, step = above % classes;
  const size_t base = size_t{has_eighth ? 512u : 128u} << (above / classes);
  if (step == 0) return base + 16;
  if (step == 1 && has_eighth) return base + base / 8;
  return base + base / 4 * (step - has_eighth);
}

// The class whose slots have room for `request` bytes and a check byte;
// 0 < request <= kMaxSlabRequest.
constexpr unsigned ComputeClass(size_t request) {
  const size_t needed = request + 1;
  if (needed <= kMinSlot) return kFirstClass;
  if (needed <= 128) return kFirstClass + static_cast<unsigned>((needed - 17) / 16);
  const unsigned log = FloorLog2(needed - 1);
  const size_t above = needed - 1 - (size_t{1} << log);
  const unsigned quarter = static_cast<unsigned>(above >> (log - 2)) + 1;
  if (log < 9) return kFirstClass + kClassesTo128 + (log - 7) * 5 + (above < 16 ? 0 : quarter);
  const bool fits_eighth = above < size_t{1} << (log - 3);
  const unsigned step = above < 16 ? 0 : fits_eighth ? 1 : quarter + 1;
  return kFirstClass + kClassesTo512 + (log - 9) * 6 + step;
}

namespace internal {

inline constexpr size_t kTableRequests = 2064;

constexpr auto MakeClassTable() {
  std::array<uint8_t, kTableRequests / 16 + 1> table = {};
  for (size_t i = 0; i < table.size(); ++i) {
    // Requests 16i to 16i + 15 need the same class: class sizes are multiples of 16.
    table[i] = static_cast<uint8_t>(ComputeClass(i == 0 ? 1 : 16 * i));
  }
  return table;
}

// By shadow byte: the last byte in the slot of a live object that thread caches take, else more.
constexpr auto MakeLiveTable() {
  std::array<uint16_t, 256> table;
  table.fill(UINT16_MAX);
  for (unsigned c = kFirstClass; c < kClasses; ++c) {
    table[0x80 + c] = table[0x80 + kSecretBins + c] = static_cast<uint16_t>(SlotSizeOf(c) - 1);
  }
  return table;
}

inline constexpr auto kClassTable = MakeClassTable();

}  // namespace internal

inline constexpr auto kLiveLastByte = internal::MakeLiveTable();

inline unsigned ClassOf(size_t request) {
  if (request <= internal::kTableRequests) [[likely]] return internal::kClassTable[request / 16];
  return ComputeClass(request);
}

// The smallest class from ClassOf(request) up whose slots lie at multiples of
// `alignment`, a power of two up to a page; kLargeClass if there is none.
constexpr unsigned AlignedClass(size_t request, size_t alignment) {
  for (unsigned c = ComputeClass(request); c < kClasses; ++c) {
    if (SlotSizeOf(c) % alignment == 0) return c;
  }
  return kLargeClass;
}

// How the slabs of a class are cut, and how many free slots a thread may keep.
struct SlabShape {
  uint16_t slot_size;
  uint8_t order;            // pages of a slab: 2^order; fewer when memory is short
  uint16_t slots;           // in so many pages; at most kMaxSlots
  uint32_t reciprocal;      // ceil(2^32 / slot_size): offset / slot_size without a division
  uint16_t cache_capacity;  // slots in a thread cache
  uint8_t cache_reserve;    // of those, never handed out: so reuse is always delayed;
                            // a power of two
  uint8_t row;              // neighbours that refills take in order; a power of two, to 64
};

inline constexpr unsigned kMaxSlots = 512;

// What differs between the heaps: an ordinary slab is large, for few refills; secret
// pages are scarce, so those slabs are small and little lies in caches.
struct SlabPolicy {
  unsigned min_slots;
  unsigned min_order;
  size_t cache_bytes;    // in a thread cache; more where it would not be twice the reserve
  unsigned max_cached;
  size_t reserve_bytes;  // in its reserve; but two slots at least
  unsigned max_reserve;
  size_t row_bytes;        // up to 64 of the smallest slots
};

inline constexpr SlabPolicy kOrdinarySlabs = {
    .min_slots = 4, .min_order = 2, .cache_bytes = 32 * kKiB,
    .max_cached = 512, .reserve_bytes = 21 * kKiB, .max_reserve = 8,
    .row_bytes = 2 * kKiB};
inline constexpr SlabPolicy kSecretSlabs = {
    .min_slots = 4, .min_order = 0, .cache_bytes = 4 * kKiB,
    .max_cached = 64, .reserve_bytes = 1344, .max_reserve = 4, .row_bytes = 0};

constexpr SlabShape MakeShape(unsigned size_class, const SlabPolicy& policy) {
  const size_t slot = SlotSizeOf(size_class);
  unsigned order = policy.min_order;
  // Enough slots, and at most an eighth lost at the end.
  while ((kPageSize << order) / slot < policy.min_slots ||
         (kPageSize << order) % slot > (kPageSize << order) / 8) {
    ++order;
  }
  const size_t slots = (kPageSize << order) / slot;
  const size_t reserve = std::bit_floor(
      std::clamp<size_t>(policy.reserve_bytes / slot, 2, policy.max_reserve));
  const size_t capacity =
      std::clamp<size_t>(policy.cache_bytes / slot, 2 * reserve + 2, policy.max_cached);
  const size_t row = std::max<size_t>(std::bit_floor(policy.row_bytes / slot), 1);
  return {.slot_size = static_cast<uint16_t>(slot),
          .order = static_cast<uint8_t>(order),
          .slots = static_cast<uint16_t>(slots > kMaxSlots ? kMaxSlots : slots),
          .reciprocal = static_cast<uint32_t>(((uint64_t{1} << 32) + slot - 1) / slot),
          .cache_capacity = static_cast<uint16_t>(capacity),
          .cache_reserve = static_cast<uint8_t>(reserve),
          .row = static_cast<uint8_t>(row)};
}

constexpr auto MakeShapes() {
  std::array<SlabShape, kBins> shapes = {};
  for (unsigned c = kZeroClass; c < kClasses; ++c) {
    shapes[c] = MakeShape(c, kOrdinarySlabs);
    shapes[c + kSecretBins] = shapes[c + kDomainBins] = MakeShape(c, kSecretSlabs);
  }
  return shapes;
}

inline constexpr auto kShapes = MakeShapes();

// In a slab of so many bytes; of one system page, where that is more than the shape's pages.
constexpr unsigned SlotsIn(const SlabShape& shape, size_t bytes) {
  const size_t fitting = bytes / shape.slot_size;
  return static_cast<unsigned>(fitting < kMaxSlots ? fitting : kMaxSlots);
}

// Offsets in a slab are below 2^20: the reciprocal is exact.
constexpr unsigned SlotIndex(const SlabShape& shape, size_t offset) {
  return static_cast<unsigned>((uint64_t{offset} * shape.reciprocal) >> 32);
}

}  // namespace secure_alloc
