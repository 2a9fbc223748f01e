// What a thread keeps of free slots: for each bin an array of pointers, out of line, so
// that freed memory holds no links. Allocation takes the last one, a free goes to a
// random place among those below it: what was just freed is never next, and what is next
// can't be foretold. A few slots (the reserve) always stay, to choose among.
//
// Invariants
// 1. A cached slot is dead by its shadow, zero, and in no slab's bitmap.
// 2. `above` is raised after the slot is stored, and refill and flush change the array only under
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

struct alignas(16) CacheBin {
  void** floor = nullptr;       // in the array: the reserve lies below
  int16_t above = 0;            // slots above the floor; below zero: missing in the reserve
  uint16_t room = 0;            // for slots above it
  uint16_t last_byte = 0;       // of a slot
  uint8_t last_of_reserve = 0;  // one less than it has slots, a power of two
  uint8_t refills = 0;  // for fewer slots than there may be: each is for twice as many, so that a
                        // thread with few objects keeps few slots

  size_t slot_size() const { return last_byte + size_t{1}; }
  bool CanTake() const { return above > 0; }
  // The reserve is there, and a place above it: one comparison for both.
  bool CanGive() const { return static_cast<uint16_t>(above) < room; }

  // Only after CanTake().
  void* Take() {
    const ptrdiff_t count = above;
    __atomic_store_n(&above, static_cast<int16_t>(count - 1), __ATOMIC_RELAXED);
    __builtin_prefetch(floor[count - 2], 1);  // What the next allocation of this bin will get.
    return floor[count - 1];
  }
  // Only after CanGive(). Among as many places as the reserve has, for the CPU's caches.
  void Give(void* slot, RandomBits& random) {
    void** const top = floor + above;
    void** const place = top - 1 - random.Masked(last_of_reserve);
    *top = *place;
    *place = slot;
    __atomic_signal_fence(__ATOMIC_RELEASE);  // Invariant 2, against the compiler.
    ++above;
  }

  // For the slow paths.
  void* TakeAny() { return floor[--above]; }  // If there is one: of the reserve, too.
  unsigned reserve() const { return last_of_reserve + 1u; }
  void** bottom() const { return floor - reserve(); }
  void** top() const { return floor + above; }
  unsigned count() const { return static_cast<unsigned>(above + static_cast<int>(reserve())); }
  unsigned capacity() const { return reserve() + room; }
  void SetCount(unsigned count) {
    above = static_cast<int16_t>(static_cast<int>(count) - static_cast<int>(reserve()));
  }
  // How many slots to fill it up to now.
  unsigned NextRefill() {
    const unsigned most = std::max(capacity() / 2, reserve() + 1);
    const unsigned wanted = (reserve() + 1) << refills;
    if (wanted >= most) return most;
    ++refills;
    return wanted;
  }
};
static_assert(sizeof(CacheBin) == 16);

struct ThreadCache {
  CacheBin bins[kCachedBins];
  RandomBits random;
  unsigned number = 0;          // from 0, of all
  ThreadCache* next = nullptr;  // in the list of all
  bool attached = false;        // belongs to a thread
};

[[gnu::visibility("hidden")]] extern constinit thread_local ThreadCache* thread_cache;
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
