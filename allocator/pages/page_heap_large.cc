// The part of the page heap that serves large objects: runs with guards, without, or that fill an
// arena.
#include <errno.h>

#include <algorithm>

#include "allocator/os/os.h"
#include "allocator/pages/page_heap.h"
#include "allocator/pages/promoted.h"

namespace secure_alloc {

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
      arena->info[0] = {0, count, 0, PageKind::kLarge, 0, true, false, false, 0, {}};
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
  info[rest->first] = {rest->first, rest->count, 0, PageKind::kLarge, 0, true, false, false, 0, {}};
  info[run->first].next = count;
  run->count = count;
  return true;
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

}  // namespace secure_alloc
