// Objects that are runs of their own: above 32 KiB, or aligned beyond a page.
//
//   guard page | object, check byte, zeros to the end of the run | guard page
//
// Freed runs are wiped and wait in a short queue for the next object of like size, so
// that a program that allocates one buffer again and again makes no system call. The
// run freed last is never handed out next, and each is checked for writes after free when
// it is. (Making it inaccessible meanwhile costs twice what wiping and checking do.)
//
// The number of guarded objects is limited: each costs two map entries
// (vm.max_map_count). Beyond, objects come from pages among the slabs, without guards,
// and are counted.
//
// Locking: mutex() (rank 4). May take the page heaps'.
#pragma once

#include <atomic>

#include "allocator/base/mutex.h"
#include "allocator/pages/page_heap.h"

namespace secure_alloc {

class LargeStore {
 public:
  // guarded_pages: where guarded objects come from; plain_pages: the others.
  // queued_bytes: most that may wait for reuse, to begin with.
  constexpr LargeStore(unsigned bin, PageHeap& guarded_pages, PageHeap& plain_pages,
                       size_t queued_bytes)
      : bin_(bin), guarded_pages_(guarded_pages), plain_pages_(plain_pages),
        queued_limit_(queued_bytes) {}

  void SetQueuedLimit(size_t bytes) { queued_limit_.store(bytes, std::memory_order_relaxed); }

  // Zeroed memory for `request` bytes at a multiple of `alignment`, with room to grow by
  // `room` bytes in place, or null and why.
  [[nodiscard]] void* Allocate(size_t request, size_t alignment, size_t room, int* error);
  // The object is live by its shadow. Faults if its check bytes are gone.
  void Free(void* object, const void* caller);
  // In place if the run is long enough and not twice too long.
  [[nodiscard]] bool TryResize(void* object, size_t request, const void* caller);

  static size_t RequestedSize(const void* object);
  void CheckIntact(const void* object, const void* caller) const;

  // Gives all waiting runs back.
  void Trim();
  size_t queued_limit() const { return queued_limit_.load(std::memory_order_relaxed); }
  size_t live_bytes() const { return live_bytes_.load(std::memory_order_relaxed); }

  void Forget() SA_REQUIRES(mutex_);
  Mutex& mutex() SA_ANNOTATE(lock_returned(mutex_)) { return mutex_; }

 private:
  static constexpr unsigned kQueue = 32;

  [[nodiscard]] bool TakeWaiting(Pages pages, size_t alignment, Run* run);
  void CheckUntouched(const Run& run) const;
  [[nodiscard]] bool TakeFresh(Pages pages, size_t alignment, Run* run, int* error);
  void GiveBack(const Run& run);
  [[nodiscard]] bool FindWaiting(Pages pages, size_t alignment, Run* found)
      SA_REQUIRES(mutex_);
  void DropOldest() SA_REQUIRES(mutex_);

  const unsigned bin_;
  PageHeap& guarded_pages_;
  PageHeap& plain_pages_;

  Mutex mutex_;
  Run queue_[kQueue] SA_GUARDED_BY(mutex_) = {};  // oldest first
  unsigned waiting_ SA_GUARDED_BY(mutex_) = 0;
  size_t waiting_bytes_ SA_GUARDED_BY(mutex_) = 0;
  // Counts only; nothing is ordered by them.
  std::atomic<size_t> queued_limit_;
  std::atomic<size_t> live_bytes_{0};
  std::atomic<size_t> guarded_runs_{0};
};

}  // namespace secure_alloc
