// What a thread keeps of free slots: for each bin an array of pointers, out of line, so
// that freed memory holds no links. Allocation takes the last one, a free goes to a
// random place among those below it: what was just freed is never next, and what is next
// can't be foretold. A few slots (the reserve) always stay, to choose among.
//
// Invariants
// 1. A cached slot is dead by its shadow, zero, and in no slab's bitmap.
// 2. `top` is raised after the slot is stored, and refill and flush change the array only under
//    the lock of a shard's bin, all of which fork holds: a child forked in between may lose a
//    slot, never have it twice.
// Owned by one thread. A forked child's only thread takes over those of the others.
//
// The caches lie in mappings of their own, between inaccessible pages. A thread
// without one (not started, ended) uses `no_cache`, whose bins are always empty and
// always full, so every operation takes the slow path.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "allocator/base/bits.h"
#include "allocator/base/random.h"
#include "allocator/slab/size_class.h"

namespace secure_alloc {

struct CacheBin {
  void** top = nullptr;    // behind the last slot
  void** floor = nullptr;  // the reserve lies below
  uint16_t room = 0;       // bytes of the array from the floor on
  uint16_t refill = 0;     // slots that the last refill was for: each is for twice as many, so
                           // that a thread with few objects keeps few slots
  uint16_t slot_size = 0;
  uint16_t reserve = 0;    // slots; a power of two

  bool CanTake() const { return top > floor; }
  // The reserve is there, and a place above it: one comparison for both.
  bool CanGive() const { return Address(top) - Address(floor) < room; }

  // Only after CanTake().
  void* Take() {
    void** const last = top - 1;
    __atomic_store_n(&top, last, __ATOMIC_RELAXED);
    __builtin_prefetch(last[-1], 1);  // What the next allocation of this bin will get.
    return *last;
  }
  // Only after CanGive(). Among `reserve` places only, for the CPU's caches.
  void Give(void* slot, RandomBits& random) {
    void** const place = top - 1 - random.Masked(reserve - 1u);
    *top = *place;
    *place = slot;
    __atomic_signal_fence(__ATOMIC_RELEASE);  // Invariant 2, against the compiler.
    ++top;
  }

  // For the slow paths.
  void** bottom() const { return floor - reserve; }
  unsigned count() const { return static_cast<unsigned>(top - bottom()); }
  unsigned capacity() const { return reserve + room / sizeof(void*); }
  void SetCount(unsigned count) { top = bottom() + count; }
  // How many slots to fill it up to now.
  unsigned NextRefill() {
    const unsigned most = std::max(capacity() / 2, reserve + 1u);
    refill = static_cast<uint16_t>(std::clamp(2u * refill, reserve + 1u, most));
    return refill;
  }
};

struct ThreadCache {
  RandomBits random;
  CacheBin bins[kCachedBins];
  ThreadCache* next = nullptr;  // in the list of all
  unsigned number = 0;          // from 0, of all
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
