// A futex mutex of one word: constant-initialised, never allocates, and can be
// unlocked by a forked child's only thread, as its parent's copy locked it.
//
// Rank, outermost first; a thread takes locks in this order only, and fork takes
// all of them in it:
//   1 fork window, settling the budget    2 thread list, created domains
//   3 bins, heap by heap and shard by shard    4 large stores    5 page heaps
//   6 address space and promotion, one or the other
// The lock of the start is outside of these, that of the random words inside all.
#pragma once

#include <atomic>
#include <cstdint>

#include "allocator/base/lock_counts.h"
#include "allocator/base/thread_annotations.h"

namespace secure_alloc {

class SA_CAPABILITY Mutex {
 public:
  // file: where it is declared.
  constexpr explicit Mutex(const char* file = __builtin_FILE()) : counts_(file) {}
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() SA_ACQUIRE() {
    uint32_t expected = kFree;
    // Acquire pairs with the release in Unlock().
    if (!word_.compare_exchange_strong(expected, kHeld, std::memory_order_acquire)) [[unlikely]] {
      LockSlow();
    }
    counts_.CountTaken();
  }

  void Unlock() SA_RELEASE() {
    if (word_.exchange(kFree, std::memory_order_release) == kContended) [[unlikely]] WakeOne();
  }

 private:
  enum : uint32_t { kFree = 0, kHeld = 1, kContended = 2 };

  void LockSlow();
  void WakeOne();

  std::atomic<uint32_t> word_{kFree};
  [[no_unique_address]] LockCountsIfAny counts_;
};

class SA_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) SA_ACQUIRE(mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexLock() SA_RELEASE() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace secure_alloc
