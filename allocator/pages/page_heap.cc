#include "allocator/pages/page_heap.h"

#include <errno.h>

#include <algorithm>

#include "allocator/base/fault.h"
#include "allocator/os/os.h"
#include "allocator/pages/promoted.h"
#include "allocator/pages/space.h"

namespace secure_alloc {
namespace {

// From 2 MiB of neighbouring free pages on, their shadow goes back: one system call for
// 128 KiB, and rare enough.
constexpr unsigned kShadowDropOrder = 9;

// When a page heap purges: free pages with memory are more than one in so many; and runs of
// so many pages are worth a system call.
constexpr size_t kDirtyShare = 4;
constexpr Pages kLeastPurged = 4;

}  // namespace

// --- Figures -----------------------------------------------------------------------

namespace {

unsigned KindOf(const Arena& arena) { return static_cast<unsigned>(arena.source->protection()); }

}  // namespace

void PageHeap::CountUsed(const Arena& arena, Pages count) {
  record_.used_bytes[KindOf(arena)].Add(BytesOf(count));
}

void PageHeap::CountUnused(const Arena& arena, Pages count) {
  record_.used_bytes[KindOf(arena)].Subtract(BytesOf(count));
}

void PageHeap::CountGone(const Arena& arena) {
  CountUnused(arena, arena.present() - arena.free_pages());
  record_.mapped_bytes[KindOf(arena)].Subtract(BytesOf(arena.present()));
  record_.arenas[KindOf(arena)].Subtract(1);
}

// --- Runs --------------------------------------------------------------------------

int PageHeap::PreparePages(Arena* arena, Pages first, Pages count) {
  PageInfo* const info = arena->info;
  for (Pages page = first; page < first + count;) {
    Pages end = page;
    while (end < first + count && !info[end].prepared) ++end;
    if (end > page) {
      const int error = arena->source->Prepare(arena->AddressOf(page), BytesOf(end - page));
      if (error != 0) return error;
      record_.faulted_pages.Add(end - page);
      while (page < end) info[page++].prepared = true;
    } else {
      ++page;
    }
  }
  return 0;
}

bool PageHeap::TakeFrom(Arena* arena, unsigned order, Run* run) {
  const Pages count = Pages{1} << order;
  if (arena->whole || arena->exhausted || arena->free_pages() < count) return false;
  if (!IsReadyForFork(arena)) return false;
  const bool was_idle = arena->idle();
  const Pages first = arena->buddy.Take(order);
  if (first == Buddy::kNone) return false;
  if (was_idle) empty_pages_ -= arena->present();
  CountUsed(*arena, count);
  *run = {arena, first, count};
  return true;
}

bool PageHeap::TakeFirstFit(unsigned order, Run* run) {
  for (Arena* const arena : arenas_) {
    if (!TakeFrom(arena, order, run)) continue;
    if (arena != arenas_.first()) {  // The next search finds it at once.
      arenas_.Remove(arena);
      arenas_.Push(arena);
    }
    return true;
  }
  return false;
}

namespace {

// What is reserved is ready, and stays anyway. The fuller an arena the later it can leave.
bool IsBetter(const Arena& one, const Arena& other) {
  if (one.reserved != other.reserved) return one.reserved;
  if (one.source != other.source) return one.source->protection() > other.source->protection();
  return one.free_pages() < other.free_pages();
}

}  // namespace

bool PageHeap::TakeBestFit(unsigned order, Run* run) {
  Arena* best = nullptr;
  for (Arena* const arena : arenas_) {
    if (arena->whole || arena->exhausted || !arena->buddy.Has(order)) continue;
    if ((best == nullptr || IsBetter(*arena, *best)) && IsReadyForFork(arena)) best = arena;
  }
  return best != nullptr && TakeFrom(best, order, run);
}

bool PageHeap::TakeRun(unsigned order, Run* run, int* error) {
  const bool leave_whole = policy_.arena_pages == 0;
  while (!(leave_whole ? TakeBestFit(order, run) : TakeFirstFit(order, run))) {
    if (!Grow(Pages{1} << order, error)) return false;
  }
  return true;
}

void PageHeap::GivePages(Arena* arena, Pages first, Pages count) {
  const bool ordinary = MakeOrdinary(arena->AddressOf(first), BytesOf(count));
  PageInfo* const info = arena->info;
  for (Pages page = first; page < first + count;) {
    Pages end = page;
    while (end < first + count && info[end].prepared) ++end;
    if (end > page) {
      const bool again =
          ordinary && arena->source->Retire(arena->AddressOf(page), BytesOf(end - page));
      for (; page < end; ++page) info[page].prepared = !again;
    } else {
      ++page;
    }
  }
  const Buddy::FreeRun merged = arena->buddy.Give(first, count);
  CountUnused(*arena, count);
  if (merged.order >= kShadowDropOrder && !growth_sealed()) {
    space.DropShadow(arena->AddressOf(merged.first), BytesOf(Pages{1} << merged.order));
  }
  arena->exhausted = false;
  NoteMemoryBack();
  if (arena->idle()) empty_pages_ += arena->present();
  dirty_pages_ += count;
  PurgeIfDue();
}

// Gives the memory of free pages back, but not their addresses.
void PageHeap::PurgeIfDue() {
  if (policy_.kept_dirty == 0 || dirty_pages_ <= policy_.kept_dirty) return;
  const size_t used = record_.used_bytes[static_cast<unsigned>(Protection::kPlain)].get();
  if (dirty_pages_ <= (used >> kPageShift) / kDirtyShare) return;
  dirty_pages_ = 0;
  for (Arena* const arena : arenas_) {
    if (arena->whole) continue;
    for (Pages page = 0; page < arena->grown;) {
      const PageInfo& info = arena->info[page];
      const Pages count = KindOf(info) == PageKind::kFreeHead ? Pages{1} << info.order : 1;
      if (count >= kLeastPurged) {
        SA_CHECK(os::Discard(arena->AddressOf(page), BytesOf(count)) == 0);
      }
      page += count;
    }
  }
}

bool PageHeap::TryTake(unsigned order, Run* run, int* error) {
  order = std::max(order, SystemPageOrder());
  MutexLock lock(mutex_);
  if (BytesOf(Pages{1} << order) > BytesOf(LargestArena())) {
    *error = ENOMEM;
    return false;
  }
  do {
    if (!TakeRun(order, run, error)) return false;
    *error = PreparePages(run->arena, run->first, run->count);
    if (*error == 0) return true;
    GivePages(run->arena, run->first, run->count);
  } while (MayTryElsewhere(run->arena));
  return false;
}

// The source refused to make pages of this arena ready. Others may be, or the next source
// of the ladder; a new arena is not made unless its pages can be had.
bool PageHeap::MayTryElsewhere(Arena* refused) {
  if (refused->source->protection() != Protection::kSecret) return false;
  if (refused->idle()) {
    ReleaseEmpty(refused);
  } else {
    refused->exhausted = true;
  }
  return true;
}

bool PageHeap::TryTakeWhole(Pages count, size_t alignment, Run* run, int* error) {
  if (growth_sealed()) {
    *error = EPERM;
    return false;
  }
  for (unsigned rung = 0; rung < ladder_size_; ++rung) {
    Arena* const arena = NewArena(*ladder_[rung], count, alignment, /*whole=*/true);
    if (arena == nullptr) {
      if (rung == 0) *error = ENOMEM;
      return false;
    }
    int refusal = MapPages(arena, count);
    if (refusal == 0) refusal = arena->source->Prepare(arena->AddressOf(0), BytesOf(count));
    if (refusal == 0) refusal = SealIfAsked(arena);
    if (refusal == 0) {
      CountFallback(rung, *error);
      record_.faulted_pages.Add(count);
      arena->info[0] = {0, count, 0, PageKind::kLarge, 0, true, false, 0};
      Enlist(arena);
      *run = {arena, 0, count};
      return true;
    }
    DeleteArena(arena);
    if (rung == 0) *error = refusal;
  }
  return false;
}

// `count` prepared pages for one object, with `margin` accessible ones on either side.
bool PageHeap::TakeLarge(Pages count, Pages margin, size_t alignment, Run* run, int* error) {
  const Pages extra = alignment > os::PageSize() ? PagesFor(alignment) : 0;
  Run room;
  do {
    if (!TakeRun(CeilLog2(count + 2 * margin + extra), &room, error)) return false;
    if (CarveLarge(room, count, margin, alignment, run, error)) return true;
  } while (MayTryElsewhere(room.arena));
  return false;
}

// Cuts such an object out of `room`; the rest goes back, or all of it on failure.
bool PageHeap::CarveLarge(const Run& room, Pages count, Pages margin, size_t alignment, Run* run,
                          int* error) {
  Arena* const arena = room.arena;
  const uintptr_t wanted =
      RoundUp(Address(arena->AddressOf(room.first + margin)), std::max(alignment, os::PageSize()));
  const Pages first = arena->PageOf(wanted);
  const Pages before = first - margin, behind = first + count + margin;
  const Pages end = room.first + room.count;
  if (before > room.first) GivePages(arena, room.first, before - room.first);
  if (behind < end) GivePages(arena, behind, end - behind);
  *error = PreparePages(arena, first, count);
  if (*error != 0) {
    GivePages(arena, before, behind - before);
    return false;
  }
  for (Pages page = before; page < behind; ++page) {
    const bool edge = page < first || page >= first + count;
    arena->info[page].kind = edge ? PageKind::kGuard : PageKind::kLarge;
    arena->info[page].first = first;
  }
  arena->info[first].next = count;
  arena->info[first].start = 0;
  *run = {arena, first, count};
  return true;
}

bool PageHeap::FitsBare(Pages count, size_t alignment) const {
  return size_t{count} + (alignment > os::PageSize() ? PagesFor(alignment) : 0) <= LargestArena();
}

bool PageHeap::TryTakeBare(Pages count, size_t alignment, Run* run, int* error) {
  if (!FitsBare(count, alignment)) {
    *error = ENOMEM;
    return false;
  }
  MutexLock lock(mutex_);
  if (!TakeLarge(count, 0, alignment, run, error)) return false;
  record_.unguarded_runs.Add(1);
  return true;
}

bool PageHeap::GuardEnds(const Run& run) {
  if (run.arena->sealed.load(std::memory_order_relaxed) || growth_sealed()) return false;
  const Source& source = *run.arena->source;
  char* const before = run.address() - BytesOf(Margin());
  char* const behind = run.address() + run.bytes();
  if (source.Guard(before, BytesOf(Margin())) != 0) return false;
  if (source.Guard(behind, BytesOf(Margin())) == 0) return true;
  // One guard is better than none; if it can't be undone it counts for both.
  return source.Unguard(before, BytesOf(Margin())) != 0;
}

bool PageHeap::TryTakeGuarded(Pages count, size_t alignment, Run* run, bool* guarded, int* error) {
  MutexLock lock(mutex_);
  *guarded = true;
  const size_t total =
      size_t{count} + 2 * size_t{Margin()} + (alignment > os::PageSize() ? PagesFor(alignment) : 0);
  if (total > LargestArena()) return TryTakeWhole(count, alignment, run, error);
  if (!TakeLarge(count, Margin(), alignment, run, error)) return false;
  *guarded = GuardEnds(*run);
  if (!*guarded) record_.unguarded_runs.Add(1);
  return true;
}

bool PageHeap::TrySplit(Run* run, Pages count, Run* rest) {
  Arena* const arena = run->arena;
  if (arena->whole || arena->source->protection() != Protection::kPlain) return false;
  MutexLock lock(mutex_);
  const Pages margins = run->first + count, end = run->first + run->count;
  if (!MakeOrdinary(arena->AddressOf(margins), BytesOf(2 * Margin()))) return false;
  const bool again = arena->source->Retire(arena->AddressOf(margins), BytesOf(2 * Margin()));
  *rest = {arena, margins + 2 * Margin(), end - margins - 2 * Margin()};
  PageInfo* const info = arena->info;
  for (Pages page = margins; page < rest->first; ++page) {
    info[page].kind = PageKind::kGuard;
    info[page].prepared = !again;
  }
  for (Pages page = rest->first; page < end; ++page) info[page].first = rest->first;
  info[rest->first] = {rest->first, rest->count, 0, PageKind::kLarge, 0, true, false, 0};
  info[run->first].next = count;
  run->count = count;
  return true;
}

void PageHeap::Give(const Run& run) {
  MutexLock lock(mutex_);
  GivePages(run.arena, run.first, run.count);
  ReleaseEmptyBeyond(kept_empty_);
}

void PageHeap::GiveGuarded(const Run& run, bool guarded) {
  Arena* const arena = run.arena;
  if (arena->whole) {
    MutexLock lock(mutex_);
    // Sealed while its object was being freed, or still promoted: it is lost.
    if (arena->sealed.load(std::memory_order_relaxed) || growth_sealed() ||
        !MakeOrdinary(run.address(), run.bytes())) {
      return;
    }
    arenas_.Remove(arena);
    DeleteArena(arena);
    return;
  }
  Run all = {arena, run.first - Margin(), run.count + 2 * Margin()};
  if (guarded && arena->sealed.load(std::memory_order_relaxed)) {
    all = run;  // The guards stay, and their pages are lost.
  } else if (guarded) {
    // A guard that can't be undone (RLIMIT_DATA) stays, and its page is lost.
    const Source& source = *arena->source;
    if (source.Unguard(run.address() + run.bytes(), BytesOf(Margin())) != 0) all.count -= Margin();
    if (source.Unguard(arena->AddressOf(all.first), BytesOf(Margin())) != 0) {
      all.first += Margin();
      all.count -= Margin();
    }
  }
  Give(all);
}

size_t PageHeap::Trim() {
  MutexLock lock(mutex_);
  Pages released = empty_pages_;
  ReleaseEmptyBeyond(0);
  released -= empty_pages_;
  for (Arena* const arena : arenas_) {
    released += ReleaseIdleFiles(arena);
  }
  kept_empty_ = policy_.kept_empty;
  gave_back_ = false;
  return BytesOf(released);
}

}  // namespace secure_alloc
