// Objects that are runs of their own: above 32 KiB, aligned beyond a page, or because the
// caller wants their pages to himself.
//
//   guard page | object, check byte, zeros to the end of the run | guard page
//   guard page | zeros, object (a check byte where alignment leaves a gap) | guard page
//
// Freed runs are wiped and wait in a queue for the next object, so that a program that
// allocates buffers again and again makes no system calls and causes no page faults. What is
// too long is cut; an object that is too long for any of them gathers the pages of several, at
// another address (large_move.cc). The run freed last is never handed out next where it lies,
// and each is checked for writes after free when it is. (Making it inaccessible meanwhile costs
// twice what wiping and checking do.) With what is live the queue holds little more than was live
// at once of late, and nothing for long: runs that have waited for 50 ms are given back as the heap
// goes on working (Heap::Pace), so that the peak is that of what is live.
//
// The number of guarded objects is limited: each costs two map entries
// (vm.max_map_count). Beyond, objects come from pages among the slabs, without guards,
// and are counted.
//
// Reserved runs are taken, guarded and kept beforehand, and come back here when freed.
//
// Locking: mutex() (rank 4). May take the page heaps'.
//
// large.cc: objects; large_queue.cc: runs that wait; large_move.cc: pages that move;
// large_reserve.cc: reserved ones; large_access.cc: access to objects.
#pragma once

#include <atomic>

#include "allocator/base/mutex.h"
#include "allocator/heap/large_run.h"
#include "allocator/pages/page_heap.h"

namespace secure_alloc {

// How long memory lies idle before it is given back (ms): runs here, and slots of bins.
inline constexpr uint64_t kPatience = 50;

struct LargeRequest {
  // For an object that is resized. One that grows by little will go on; one that doubles has no use
  // for room to do so in place.
  static constexpr LargeRequest Resized(size_t old_size, size_t size) {
    const bool by_little = size > old_size && size - old_size < old_size / 2;
    return {.size = size, .room = by_little ? size / 4 : 0};
  }

  size_t size;
  size_t alignment = kPageSize;
  size_t room = 0;      // to grow in place by so many bytes
  bool at_end = false;  // of its pages, next to the guard; alignment up to a page

  // For objects at the front with room for a check byte. 0: too many.
  Pages pages() const;
};

// From so many pages on, moving them is cheaper than copying them to a run that waited, and wiping.
inline constexpr Pages kLeastMoved = PagesFor(1 * kMiB);

class LargeStore {
 public:
  // guarded_pages: where guarded objects come from; plain_pages: the others.
  // queue: most bytes that may wait for reuse: as many as are live less than were of late, up to
  // `most`; and twice as many as were live, up to `few`.
  struct QueueLimits {
    size_t few, most;
  };
  constexpr LargeStore(unsigned mark, PageHeap& guarded_pages, PageHeap& plain_pages,
                       QueueLimits queue)
      : mark_(mark), guarded_pages_(guarded_pages), plain_pages_(plain_pages),
        most_queued_(queue.most), queued_limit_(queue.few) {}

  void SetQueuedLimit(size_t bytes) { queued_limit_.store(bytes, std::memory_order_relaxed); }

  // Zeroed memory, or null and why.
  [[nodiscard]] void* Allocate(const LargeRequest& request, int* error);
  // The object is live by its shadow. Faults if its check bytes are gone. True: its run waits.
  bool Free(void* object, const void* caller);
  // In place if the run is long enough and not twice too long. The object is accessible then.
  [[nodiscard]] bool TryResize(void* object, size_t request, const void* caller);
  // Elsewhere, by moving its pages instead of their bytes; null: it can't be, copy it. Ordinary
  // objects only.
  [[nodiscard]] void* TryMove(void* object, const LargeRequest& request);
  // Until it is freed or resized. 0 or an errno value.
  [[nodiscard]] int SetAccess(void* object, Access access);
  // Fork reads all objects: opens those that are closed, and closes them again.
  void OpenAll(PageHeap& pages) SA_REQUIRES(mutex_);
  void CloseAll(PageHeap& pages) SA_REQUIRES(mutex_);

  // `count` more objects for `request` find pages from here on, guards and all. 0, or an errno
  // value and nothing changed.
  [[nodiscard]] int Reserve(const LargeRequest& request, size_t count);

  static size_t RequestedSize(const void* object);
  // Does nothing for an object that can't be read at present.
  static void CheckIntact(const void* object, const void* caller);

  bool any_closed() const SA_REQUIRES(mutex_) { return closed_runs_ > 0; }

  // Gives waiting runs back: so many bytes, or what there is; all.
  void GiveBackWaiting(size_t bytes);
  void Trim() { GiveBackWaiting(SIZE_MAX); }
  // Those that have waited for long, and the memory of better times. now: os::Milliseconds(), which
  // another thread may have overtaken by the time of the lock.
  void GiveBackStale(uint64_t now);
  size_t live_bytes() const { return live_bytes_.load(std::memory_order_relaxed); }
  // Map entries of gathered pages, besides those of the runs.
  size_t seams() const { return seams_.load(std::memory_order_relaxed); }

  void Forget() SA_REQUIRES(mutex_);
  Mutex& mutex() SA_ANNOTATE(lock_returned(mutex_)) { return mutex_; }

 private:
  static constexpr unsigned kQueue = 64;
  struct Waiting {
    Run run;
    Pages mappings;  // see MappingsOf
    uint64_t since;  // when it was seen here first, as of os::Milliseconds(); 0: not yet
  };

  [[nodiscard]] bool TakeWaiting(Pages pages, size_t alignment, Run* run);
  // The pages of several that wait, at another address, and new ones behind them if they are too
  // few.
  [[nodiscard]] bool TakeGathered(Pages pages, size_t alignment, Run* run);
  [[nodiscard]] bool TakePiece(Pages pages, Run* piece) SA_REQUIRES(mutex_);
  // Moves the first pages of one run to a place in another; what follows them there may become
  // part of the last mapping. How many bytes: less than `length` where the kernel refuses, or there
  // are too many mappings.
  enum class Stretch { kNone, kToTheEnd };
  [[nodiscard]] size_t MovePages(const Run& from, size_t length, const Run& to, size_t offset,
                                 Stretch stretch);
  [[nodiscard]] bool AddSeam(Arena* arena, Pages page);
  Pages MappingsOf(const Run& run) const;
  // What is known of each page of a run that fills its arena would take memory.
  bool MayHaveSeams(const Run& run) const {
    return seams() > 0 && !run.arena->whole;
  }
  void ForgetSeams(const Run& run);
  [[nodiscard]] bool TakeKept(Pages pages, size_t alignment, Run* run) SA_REQUIRES(mutex_);
  void Keep(const Run& run) SA_REQUIRES(mutex_);
  void CheckUntouched(const Run& run) const;
  [[nodiscard]] bool TakeFresh(Pages pages, size_t alignment, Run* run, int* error);
  void GiveBack(const Run& run);
  [[nodiscard]] bool FindWaiting(Pages pages, size_t alignment, Run* found)
      SA_REQUIRES(mutex_);
  [[nodiscard]] bool IsTooLongToQueue(const Run& run);
  void Enqueue(const Run& run) SA_REQUIRES(mutex_);
  void Shorten(Run* run, Pages pages) SA_REQUIRES(mutex_);
  void RemoveWaiting(unsigned i) SA_REQUIRES(mutex_);
  // What may wait no longer, as there are more live bytes of new pages.
  void GiveBackSurplus();
  void DropOldest() SA_REQUIRES(mutex_);
  size_t QueuedLimit() const SA_REQUIRES(mutex_);
  void Open(const Run& run);
  // What is freed is kept for an object of the same size: nobody else can use it, or not without
  // a system call.
  bool Stays(const Run& run) const {
    return IsReserved(run) ||
           (run.arena->whole && run.arena->sealed.load(std::memory_order_relaxed)) ||
           (EdgesOf(run) == Edges::kGuarded && guarded_pages_.growth_sealed());
  }

  const unsigned mark_;  // of its objects, in their shadow
  PageHeap& guarded_pages_;
  PageHeap& plain_pages_;

  Mutex mutex_;
  Waiting queue_[kQueue] SA_GUARDED_BY(mutex_) = {};  // oldest first
  unsigned waiting_ SA_GUARDED_BY(mutex_) = 0;
  struct KeptRun;
  const size_t most_queued_;
  uint64_t period_ SA_GUARDED_BY(mutex_) = 0;   // when it began
  size_t most_live_ SA_GUARDED_BY(mutex_) = 0;  // in it
  size_t most_live_before_ SA_GUARDED_BY(mutex_) = 0;
  size_t closed_runs_ SA_GUARDED_BY(mutex_) = 0;   // whose access is restricted
  KeptRun* kept_ SA_GUARDED_BY(mutex_) = nullptr;  // reserved and not in use
  size_t waiting_bytes_ SA_GUARDED_BY(mutex_) = 0;
  // Counts only; nothing is ordered by them.
  std::atomic<size_t> queued_limit_;
  std::atomic<size_t> live_bytes_{0};
  std::atomic<size_t> guarded_runs_{0};
  std::atomic<size_t> seams_{0};
};

}  // namespace secure_alloc
