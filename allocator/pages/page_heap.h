// The arenas of one heap: hands out runs, grows by policy, gives empty arenas back.
//
// Growth: an arena's pages come in steps that double from first_step to last_step.
// When a source refuses a step, smaller ones are tried down to what the request
// needs, then the next source of the ladder. So a secret is less than secret only
// if the ladder says so, and each step down is reported.
//
// Choice: where each step is an arena of its own, a run comes from the fullest arena that has
// one, so that others fall empty; else from the one that had the last.
//
// Return: empty arenas go back to the kernel but for kept_empty pages. Use that goes up and
// down must not map and fault in arenas each time: when the heap grows although it gave an
// arena back since it last grew, it keeps twice as much from then on, up to last_step or an
// eighth of the budget. Trim gives back all, and forgets that; and of arenas that stay the files of
// file_pages in which nothing is in use. Growth begins with these.
//
// Fork: arenas of the secret source are absent in a child (MADV_DONTFORK). A copy is
// mapped, charged and faulted in before fork (MakeCopies), filled with every lock held
// (FillCopies), and moved into place by the child (AdoptCopies). Only pages in use are
// copied. While a fork is under way each new arena brings its copy along. KeepFromChildren sees to
// it that no program has undone MADV_DONTFORK.
//
// Key: all pages may lie under a protection key, copies for a child too. Then functions that ask a
// source for pages, or touch them, are called with the key open (os::KeyOpened).
//
// Locking: mutex() (rank 5) for everything but the constructor.
//
// page_heap.cc: runs; page_heap_large.cc: those of large objects; page_heap_arenas.cc: arenas;
// page_heap_files.cc: their files; page_heap_growth.cc: growth and reservations;
// page_heap_fork.cc: fork.
#pragma once

#include <errno.h>

#include <algorithm>
#include <atomic>

#include "allocator/base/fault.h"
#include "allocator/base/list.h"
#include "allocator/base/mutex.h"
#include "allocator/base/system_page.h"
#include "allocator/os/keys.h"
#include "allocator/pages/arena.h"
#include "allocator/pages/budget.h"
#include "allocator/record/record.h"

namespace secure_alloc {

struct PageHeapPolicy {
  Pages first_step;
  Pages last_step;
  Pages record_pages;  // smallest run that gets a run record
  Pages arena_pages;   // an arena takes spans for so many and grows inside them, filling
                       // them; 0: each step is an arena of its own, at a random place in a span
  Pages kept_empty;    // pages of empty arenas kept for reuse, to begin with; see below
  Pages kept_dirty = 0;  // free pages of other arenas that keep their memory, or a quarter of what
                         // is in use; 0: all do
  Pages file_pages = 0;  // an arena is made of files of so many pages, a power of two; 0: of one
  bool shadowed = true;  // its objects have a shadow, which goes back with long free runs
};

class PageHeap {
 public:
  static constexpr unsigned kMaxLadder = 2;
  // Inaccessible pages at either end of a guarded run, and of an arena that does not fill
  // its spans: secrets are never next to anything.
  static Pages Margin() { return SystemPage(); }

  // record: where usage is told.
  constexpr PageHeap(const PageHeapPolicy& policy, const Source& first, Budget* budget)
      : PageHeap(policy, first, budget, own_record_) {}
  constexpr PageHeap(const PageHeapPolicy& policy, const Source& first, Budget* budget,
                     PageRecord& record)
      : policy_(policy), budget_(budget), record_(record),
        ladder_{&first}, next_step_(policy.first_step), kept_empty_(policy.kept_empty) {}
  PageHeap(const PageHeap&) = delete;
  PageHeap& operator=(const PageHeap&) = delete;

  // Before the first use, or under no concurrency: what to try after the first source.
  void SetLadder(const Source* const* ladder, unsigned count);
  // Before the first use: an allocated key.
  void SetKey(unsigned key) { key_ = key; }
  unsigned key() const { return key_; }

  // A run of 2^order zero pages, or of a system page if that is longer. False: no source had
  // them; *error says what the first source said: EAGAIN budget or RLIMIT_MEMLOCK, ENOSYS, EPERM,
  // EMFILE, ENOMEM.
  [[nodiscard]] bool TryTake(unsigned order, Run* run, int* error);
  // `count` zero pages, which are whole system pages, as all counts below, with an inaccessible
  // one on both sides; the first at a multiple of `alignment` bytes. *guarded is false if the
  // guards could not be had.
  [[nodiscard]] bool TryTakeGuarded(Pages count, size_t alignment, Run* run, bool* guarded,
                                    int* error);
  // Cuts a guarded run of ordinary memory in two, guards in between: `run` keeps `count` pages.
  // False: this one can't be.
  [[nodiscard]] bool TrySplit(Run* run, Pages count, Run* rest);
  // The same without guards, next to whatever lies there.
  [[nodiscard]] bool TryTakeBare(Pages count, size_t alignment, Run* run, int* error);
  // Can TryTakeBare ever serve this?
  bool FitsBare(Pages count, size_t alignment) const;
  // Of ordinary memory in arenas, used or not.
  size_t plain_bytes() const {
    return record_.mapped_bytes[static_cast<unsigned>(Protection::kPlain)].get();
  }
  // Runs go back whole and zero.
  void Give(const Run& run);

  // Maps arenas with `pages` pages, all ready for use, metadata too, and kept until the page
  // heap ends: taking runs of them makes no system call and no page fault. 0, or an errno
  // value and nothing changed.
  [[nodiscard]] int Reserve(size_t pages);
  bool has_reservation() const { return has_reservation_.load(std::memory_order_relaxed); }
  // The same for `count` runs of 2^order pages, which are handed to `use`.
  template <typename Use>
  [[nodiscard]] int ReserveRuns(unsigned order, size_t count, Use use);
  void GiveGuarded(const Run& run, bool guarded);
  // Gives empty arenas back, and idle files, all that are not reserved. Bytes released.
  size_t Trim();
  // Gives all arenas back, whatever is in them, wiped. Nothing else may follow. Every
  // page is accessible.
  void Close();

  // Wipes all locked pages in use, and calls `forget` on their arenas. Every page is accessible.
  void WipeLocked(void (*forget)(Arena*)) SA_REQUIRES(mutex_);

  // Seals all arenas, and those that are made later when they are: see Arena. 0 or an errno
  // value, and then some are sealed.
  [[nodiscard]] int SealArenas();
  // From here on no page is asked of a source, nor given back: what is ready is handed out.
  void SealGrowth();
  bool growth_sealed() const { return growth_sealed_.load(std::memory_order_relaxed); }

  // See there.
  const PageRecord& usage() const { return record_; }
  // Why an arena last came from other than the first source.
  int fallback_error() const { return fallback_error_.load(std::memory_order_relaxed); }
  // Slabs have 2^this pages or more.
  unsigned smallest_order() const {
    return std::max(CeilLog2(policy_.record_pages), SystemPageOrder());
  }

  // Fork, in this order; see above. MakeCopies: 0 or errno, all or nothing.
  [[nodiscard]] int MakeCopies();
  void KeepFromChildren() SA_REQUIRES(mutex_);
  [[nodiscard]] int FillCopies() SA_REQUIRES(mutex_);
  void DropCopies() SA_REQUIRES(mutex_);
  void AdoptCopies() SA_REQUIRES(mutex_);
  // The child gives up the secret arenas it has no copy of; the space stays taken
  // and inaccessible. Calls `forget` on each.
  void AbandonArenas(void (*forget)(Arena*)) SA_REQUIRES(mutex_);
  // The child's locked pages are not locked until this. 0 or errno.
  [[nodiscard]] int RelockAfterFork() SA_REQUIRES(mutex_);

  template <typename Visit>
  void ForEachArena(Visit visit) SA_REQUIRES(mutex_) {
    for (Arena* const arena : arenas_) visit(*arena);
  }

  Mutex& mutex() SA_ANNOTATE(lock_returned(mutex_)) { return mutex_; }

 private:
  Arena* NewArena(const Source& source, Pages capacity, size_t alignment, bool whole)
      SA_REQUIRES(mutex_);
  [[nodiscard]] int MapPages(Arena* arena, Pages count) SA_REQUIRES(mutex_);
  [[nodiscard]] int MapFile(Arena* arena, Pages first, Pages count) SA_REQUIRES(mutex_);
  [[nodiscard]] int MapFiles(Arena* arena, Pages first, Pages count) SA_REQUIRES(mutex_);
  void UnmapFiles(Arena* arena) SA_REQUIRES(mutex_);
  Pages ChooseFilePages(Pages capacity) const;
  // False: the arena is littered by it.
  bool LeavePlace(Arena* arena, Pages first, Pages count) SA_REQUIRES(mutex_);
  bool UnmapPages(Arena* arena, Pages first, Pages count) SA_REQUIRES(mutex_);
  [[nodiscard]] int Refill(Arena* arena, Pages first, Pages count) SA_REQUIRES(mutex_);
  static Pages AbsentIn(const Arena& arena, Pages first, Pages end);
  [[nodiscard]] bool RefillIn(Arena* arena, Pages needed) SA_REQUIRES(mutex_);
  [[nodiscard]] bool RefillAny(const Source& source, Pages needed) SA_REQUIRES(mutex_);
  Pages ReleaseIdleFiles(Arena* arena) SA_REQUIRES(mutex_);
  // Gives a new arena `count` pages, the first of them prepared; on failure it is gone.
  [[nodiscard]] int OpenArena(Arena* arena, Pages count, Pages prepared) SA_REQUIRES(mutex_);
  void Enlist(Arena* arena) SA_REQUIRES(mutex_);  // From here on its addresses have an owner.
  void DeleteArena(Arena* arena) SA_REQUIRES(mutex_);
  void ReleaseEmptyBeyond(Pages kept) SA_REQUIRES(mutex_);
  void ReleaseEmpty(Arena* arena) SA_REQUIRES(mutex_);
  [[nodiscard]] int SealIfAsked(Arena* arena) SA_REQUIRES(mutex_);
  void WithdrawUnready(Arena* arena) SA_REQUIRES(mutex_);
  [[nodiscard]] bool GuardEnds(const Run& run) SA_REQUIRES(mutex_);
  [[nodiscard]] bool TryTakeWhole(Pages count, size_t alignment, Run* run, int* error)
      SA_REQUIRES(mutex_);
  [[nodiscard]] bool Grow(Pages needed, int* error) SA_REQUIRES(mutex_);
  [[nodiscard]] int GrowFrom(const Source& source, Pages needed) SA_REQUIRES(mutex_);
  [[nodiscard]] int GrowBy(const Source& source, Pages step, Pages needed) SA_REQUIRES(mutex_);
  [[nodiscard]] int ReserveLocked(size_t pages) SA_REQUIRES(mutex_);
  [[nodiscard]] int ReserveFrom(const Source& source, Pages count) SA_REQUIRES(mutex_);
  // Tries one source after the other, each again if idle arenas could make room. 0, or what the
  // first one said.
  [[nodiscard]] int DownTheLadder(int (PageHeap::*attempt)(const Source&, Pages), Pages count)
      SA_REQUIRES(mutex_);
  void CountFallback(unsigned rung, int error) SA_REQUIRES(mutex_);
  [[nodiscard]] bool TakeFrom(Arena* arena, unsigned order, Run* run) SA_REQUIRES(mutex_);
  [[nodiscard]] bool TakeFirstFit(unsigned order, Run* run) SA_REQUIRES(mutex_);
  [[nodiscard]] bool TakeBestFit(unsigned order, Run* run) SA_REQUIRES(mutex_);
  [[nodiscard]] bool TakeRun(unsigned order, Run* run, int* error) SA_REQUIRES(mutex_);
  [[nodiscard]] bool TakeLarge(Pages count, Pages margin, size_t alignment, Run* run, int* error)
      SA_REQUIRES(mutex_);
  [[nodiscard]] bool CarveLarge(const Run& room, Pages count, Pages margin, size_t alignment,
                                Run* run, int* error) SA_REQUIRES(mutex_);
  bool MayTryElsewhere(Arena* refused) SA_REQUIRES(mutex_);
  [[nodiscard]] int PreparePages(Arena* arena, Pages first, Pages count) SA_REQUIRES(mutex_);
  void GivePages(Arena* arena, Pages first, Pages count) SA_REQUIRES(mutex_);
  void PurgeIfDue() SA_REQUIRES(mutex_);
  Pages LargestArena() const;
  void LearnFromGrowth() SA_REQUIRES(mutex_);
  static uint32_t MemoryEpoch();
  static void NoteMemoryBack();
  [[nodiscard]] int MakeCopy(Arena* arena) SA_REQUIRES(mutex_);
  // May pages of it come into use? While a fork is under way a child must find a copy. What is
  // reserved may always: its promise goes before, and the child may end.
  bool IsReadyForFork(Arena* arena) SA_REQUIRES(mutex_);
  [[nodiscard]] static int MapCopy(Arena* arena);
  static void DropCopy(Arena* arena);
  static void AdoptCopy(Arena* arena);
  static void ForgetFiles(Arena* arena);
  // What comes into use, or goes.
  void CountUsed(const Arena& arena, Pages count) SA_REQUIRES(mutex_);
  void CountUnused(const Arena& arena, Pages count) SA_REQUIRES(mutex_);
  void CountGone(const Arena& arena) SA_REQUIRES(mutex_);

  const PageHeapPolicy& policy_;
  Budget* const budget_;
  PageRecord own_record_ = {};
  PageRecord& record_;  // written under the lock
  const Source* ladder_[kMaxLadder];
  unsigned ladder_size_ = 1;
  unsigned key_ = os::kNoKey;

  Mutex mutex_;
  List<Arena> arenas_ SA_GUARDED_BY(mutex_);
  Arena* growing_ SA_GUARDED_BY(mutex_) = nullptr;  // the one with room to grow in place
  Pages next_step_ SA_GUARDED_BY(mutex_);
  Pages empty_pages_ SA_GUARDED_BY(mutex_) = 0;  // in wholly free arenas
  Pages kept_empty_ SA_GUARDED_BY(mutex_);
  bool gave_back_ SA_GUARDED_BY(mutex_) = false;  // an arena, since it last grew
  size_t dirty_pages_ SA_GUARDED_BY(mutex_) = 0;  // given back since the last purge
  bool fork_under_way_ SA_GUARDED_BY(mutex_) = false;
  bool seals_arenas_ SA_GUARDED_BY(mutex_) = false;
  std::atomic<bool> growth_sealed_{false};  // written under the lock
  unsigned refusals_left_ SA_GUARDED_BY(mutex_) = 0;  // growth that need not be tried
  Pages refused_pages_ SA_GUARDED_BY(mutex_) = 0;
  uint32_t refused_epoch_ SA_GUARDED_BY(mutex_) = 0;
  int refusal_ SA_GUARDED_BY(mutex_) = 0;
  std::atomic<int> fallback_error_{0};
  std::atomic<bool> has_reservation_{false};
};

template <typename Use>
int PageHeap::ReserveRuns(unsigned order, size_t count, Use use) {
  MutexLock lock(mutex_);
  order = std::max(order, SystemPageOrder());
  if (count > SIZE_MAX >> kPageShift >> order) return ENOMEM;
  if (const int error = ReserveLocked(count << order); error != 0) return error;
  for (Arena* arena = arenas_.first(); count > 0;) {  // The new ones are the first.
    Run run;
    SA_CHECK(arena != nullptr && arena->reserved);
    if (TakeFrom(arena, order, &run)) {
      use(run);
      --count;
    } else {
      arena = arena->next;
    }
  }
  return 0;
}

}  // namespace secure_alloc
