// A slab: one run cut into equal slots of one bin. The record lies in the arena's
// metadata, one bit a slot; the shadow of each slot's first granule holds the bin's mark.
//
// Invariants
// 1. A set bit is a slot that is free and in no cache; it is zero, its shadow dead.
// 2. A slab with free slots is on its bin's list; a full one is on none.
// Not thread-safe: the bin that owns it locks.
#pragma once

#include <cstdint>

#include "allocator/pages/arena.h"
#include "allocator/slab/size_class.h"

namespace secure_alloc {

class RandomBits;

class Slab {
 public:
  // Makes a run into a slab, all slots free: of the bin's shape, or shorter. shard: see BinShard.
  static Slab* Make(const Run& run, unsigned bin, unsigned shard);
  // Undoes that; all slots are free. The run may be given back.
  Run Unmake();

  // The slab that holds `slot`, a slot's start.
  static Slab* Of(const void* slot);

  // Takes up to `count` free slots into `slots`: rows of neighbours, each in order from a random
  // place on, upwards or downwards; which row is random, and a row of secret slots is one slot. A
  // program that walks its objects as it made them then goes along lines that the CPU fetches
  // ahead.
  unsigned Take(void** slots, unsigned count, RandomBits& random);
  // False if the slot is already free: a double free that raced with itself.
  [[nodiscard]] bool Give(void* slot);

  // Gives the memory of pages without live objects back to the kernel, which has zero ones for
  // them, and keeps the addresses. Ordinary memory only.
  void DiscardFreePages();

  // Of an address inside the slab.
  bool IsSlotStart(const void* address) const { return SlotOf(address) == address; }
  // The slot that holds it; null behind the last one.
  const void* SlotOf(const void* address) const;

  unsigned bin() const { return bin_; }
  unsigned shard() const { return shard_; }
  unsigned slots() const { return slots_; }
  unsigned free_slots() const { return free_; }
  bool full() const { return free_ == 0; }
  bool empty() const { return free_ == slots_; }
  Run run() const { return run_; }

  Slab* next = nullptr;  // in the bin's list
  Slab* previous = nullptr;

 private:
  static constexpr unsigned kWords = kMaxSlots / 64;

  char* SlotAt(unsigned index) const {
    return run_.address() + size_t{index} * kShapes[bin_].slot_size;
  }

  uint64_t FreeInRow(unsigned* slot) const;
  bool IsFree(unsigned first, unsigned last) const;

  Run run_;
  uint16_t bin_ = 0;
  uint16_t slots_ = 0;
  uint16_t free_ = 0;
  uint8_t shard_ = 0;
  uint64_t bits_[kWords] = {};
  uint64_t discarded_ = 0;  // system pages that are not worth another call
};

static_assert(sizeof(Slab) <= kRunRecordSize);

// The bin of a live object whose shadow holds `mark`.
inline unsigned BinOf(const void* object, unsigned mark) {
  if (mark < kDomainBins) [[likely]] return mark;
  return mark == kDomainSlotMark ? Slab::Of(object)->bin() : kDomainBins + kLargeClass;
}

}  // namespace secure_alloc
