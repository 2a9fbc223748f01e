// What a thread keeps of free slots: for each bin an array of pointers, out of line, so
// that freed memory holds no links. Allocation takes the last one, a free goes
// to a random place below it: what was just freed is never next, and what is next
// can't be foretold. A few slots (the reserve) always stay, to choose among.
//
// Invariants
// 1. A cached slot is dead by its shadow, zero, and in no slab's bitmap.
// 2. `count` is raised after the slot is stored, and lowered by refill and flush only
//    under the bin's lock: a child forked in between may lose a slot, never have it twice.
// Owned by one thread. A forked child's only thread takes over those of the others.
//
// The caches lie in mappings of their own, between inaccessible pages. A thread
// without one (not started, ended) uses `no_cache`, whose bins are always empty and
// always full, so every operation takes the slow path.
#pragma once

#include <cstddef>
#include <cstdint>

#include "allocator/base/random.h"
#include "allocator/slab/size_class.h"

namespace secure_alloc {

struct CacheBin {
  void** slots = nullptr;
  uint16_t count = 0;
  uint16_t capacity = 0;
  uint16_t slot_size = 0;
  uint16_t reserve = 0;

  bool CanTake() const { return count > reserve; }
  bool CanGive() const { return count - 1u < capacity - 1u; }  // 0 < count < capacity

  // Both only after the matching question.
  void* Last() const { return slots[count - 1]; }
  void DropLast() { __atomic_store_n(&count, static_cast<uint16_t>(count - 1), __ATOMIC_RELAXED); }
  // To a random place below the last one, among at most kWindow: few, for the CPU's
  // caches. An empty bin (no memory for company) has one place only.
  void Give(void* slot, RandomBits& random) {
    const uint32_t candidates = count < kWindow ? count : kWindow;
    const uint32_t place = count - candidates + random.Below(candidates);
    slots[count] = slots[place];
    slots[place] = slot;
    __atomic_signal_fence(__ATOMIC_RELEASE);  // Invariant 2, against the compiler.
    ++count;
  }

  static constexpr uint32_t kWindow = 16;
};

struct ThreadCache {
  RandomBits random;
  CacheBin bins[kBins];
  ThreadCache* next = nullptr;  // of all threads, or of the unused ones
  bool attached = false;        // belongs to a thread
};

extern constinit thread_local ThreadCache* thread_cache;
extern constinit ThreadCache no_cache;

// Gives this thread its cache; false if there is no memory, or the thread is ending.
// When the thread ends `flush` must empty it.
[[nodiscard]] bool AttachThreadCache(void (*flush)(ThreadCache&));

// Fork: locks the list of caches; the child then detaches those of other threads,
// handing each to `recover`, which empties it.
void LockThreadCaches();
void UnlockThreadCaches();
void RecoverOtherCaches(void (*recover)(ThreadCache&));
// Under LockThreadCaches() or in a single-threaded child.
void ForEachThreadCache(void (*visit)(ThreadCache&));

}  // namespace secure_alloc
