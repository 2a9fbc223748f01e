// The part of the page heap that runs around fork(2).
#include <errno.h>

#include "allocator/base/bytes.h"
#include "allocator/base/fault.h"
#include "allocator/os/os.h"
#include "allocator/pages/page_heap.h"
#include "allocator/pages/space.h"
#include "allocator/pages/used_pages.h"

namespace secure_alloc {
namespace {

bool AnyInUse(const Arena& arena) { return arena.whole || !arena.empty(); }

bool IsAbsentInChild(const Arena& arena) { return arena.source->in_child() == InChild::kAbsent; }

// Of an arena that is one run, all pages or none.
bool InCopy(const Arena& arena, Pages page) { return arena.info[arena.whole ? 0 : page].in_copy; }

void SetInCopy(Arena& arena, Pages first, Pages count, bool in_copy) {
  for (Pages page = first; page < first + count; ++page) {
    arena.info[arena.whole ? 0 : page].in_copy = in_copy;
  }
}

char* CopyOf(const Arena& arena, Pages page) {
  return static_cast<char*>(arena.fork_copy) + BytesOf(page);
}

// Faults in what has come into use since the copy was mapped, or was completed last.
int CompleteCopy(Arena& arena) {
  const auto missing = [&arena](Pages page) { return InUse(arena, page) && !InCopy(arena, page); };
  return ForEachStretch(arena, missing, [&arena](Pages first, Pages count) {
    const int error = os::FaultIn(CopyOf(arena, first), BytesOf(count));
    if (error == 0) SetInCopy(arena, first, count, true);
    return error;
  });
}

}  // namespace

// Of what is there of the arena, at the same distances.
int PageHeap::MapCopy(Arena* arena) {
  void*& copy = arena->fork_copy;
  if (arena->absent == 0) return os::MapSecret(nullptr, arena->bytes(), /*inherit=*/true, &copy);
  copy = os::Reserve(arena->bytes());
  if (copy == nullptr) return ENOMEM;
  return ForEachPresentStretch(*arena, [copy](Pages first, Pages count) {
    void* place = static_cast<char*>(copy) + BytesOf(first);
    return os::MapSecret(place, BytesOf(count), /*inherit=*/true, &place);
  });
}

int PageHeap::MakeCopy(Arena* arena) {
  if (growth_sealed()) return EPERM;
  SetInCopy(*arena, 0, arena->grown, false);
  int error = MapCopy(arena);
  if (error == 0 && key_ != os::kNoKey) {
    error = ForEachPresentStretch(*arena, [&](Pages first, Pages count) SA_NO_THREAD_SAFETY {
      return arena->source->SetKey(CopyOf(*arena, first), BytesOf(count), key_);
    });
  }
  if (error == 0) error = CompleteCopy(*arena);
  if (error != 0 && arena->fork_copy != nullptr) DropCopy(arena);
  return error;
}

bool PageHeap::IsReadyForFork(Arena* arena) {
  if (!fork_under_way_ || !IsAbsentInChild(*arena) || arena->fork_copy != nullptr) return true;
  return arena->reserved || MakeCopy(arena) == 0;
}

void PageHeap::DropCopy(Arena* arena) {
  os::Unmap(arena->fork_copy, arena->bytes());
  arena->fork_copy = nullptr;
}

// The child's. Its files are as long as the stretches.
void PageHeap::AdoptCopy(Arena* arena) {
  (void)ForEachPresentStretch(*arena, [arena](Pages first, Pages count) {
    SA_CHECK(os::Move(CopyOf(*arena, first), arena->AddressOf(first), BytesOf(count)) == 0);
    SA_CHECK(os::KeepFromChildren(arena->AddressOf(first), BytesOf(count)) == 0);
    return 0;
  });
  if (arena->absent != 0) os::Unmap(arena->fork_copy, arena->bytes());
  arena->fork_copy = nullptr;
  ForgetFiles(arena);
}

int PageHeap::MakeCopies() {
  MutexLock lock(mutex_);
  fork_under_way_ = true;
  bool any = false;
  for (Arena* const arena : arenas_) {
    if (!IsAbsentInChild(*arena) || !AnyInUse(*arena)) continue;
    if (const int error = MakeCopy(arena); error != 0) {
      DropCopies();
      return error;
    }
    any = true;
  }
  if (!any) return 0;
  // The child will have to move them into place, and can't refuse to be.
  const int error = os::TryMove();
  if (error != 0) DropCopies();
  return error;
}

// Where it is refused (a sandbox) the pages are as they were made: absent.
void PageHeap::KeepFromChildren() {
  for (Arena* const arena : arenas_) {
    if (!IsAbsentInChild(*arena)) continue;
    (void)ForEachPresentStretch(*arena, [arena](Pages first, Pages count) {
      (void)os::KeepFromChildren(arena->AddressOf(first), BytesOf(count));
      return 0;
    });
  }
}

int PageHeap::FillCopies() {
  for (Arena* const arena : arenas_) {
    if (!IsAbsentInChild(*arena) || !AnyInUse(*arena)) continue;
    // Taken into use, or forked without our wrapper (daemon(3), forkpty(3)), since.
    const int error = arena->fork_copy == nullptr ? MakeCopy(arena) : CompleteCopy(*arena);
    if (error != 0) return error;
    (void)ForEachUsedStretch(*arena, [&](Pages first, Pages count) {
      // The child repairs what it finds half done (heap/repair.h).
      CopyWritten(CopyOf(*arena, first), arena->AddressOf(first), BytesOf(count));
      record_.copied_pages.Add(count);
      return 0;
    });
  }
  return 0;
}

void PageHeap::DropCopies() {
  fork_under_way_ = false;
  for (Arena* const arena : arenas_) {
    if (arena->fork_copy != nullptr) DropCopy(arena);
  }
}

void PageHeap::AdoptCopies() {
  fork_under_way_ = false;
  for (Arena* const arena : arenas_) {
    if (!IsAbsentInChild(*arena)) continue;
    if (arena->fork_copy == nullptr) {
      // Nothing was in use: the child does without this arena.
      if (arena->idle()) empty_pages_ -= arena->present();
      arenas_.Remove(arena);
      DeleteArena(arena);
      continue;
    }
    AdoptCopy(arena);
    if (arena->whole) {
      SA_CHECK(SealIfAsked(arena) == 0);
      continue;
    }
    for (Pages page = 0; page < arena->grown; ++page) {
      arena->info[page].prepared = InUse(*arena, page);
    }
    const auto is_guard = [arena](Pages page) {
      return arena->info[page].kind == PageKind::kGuard;
    };
    (void)ForEachStretch(*arena, is_guard, [&](Pages first, Pages count) {
      // Without its guard the object is whole, only less guarded.
      if (arena->source->Guard(arena->AddressOf(first), BytesOf(count)) != 0) {
        record_.unguarded_runs.Add(count / Margin());
      }
      return 0;
    });
    SA_CHECK(SealIfAsked(arena) == 0);
  }
}

void PageHeap::AbandonArenas(void (*forget)(Arena*)) {
  fork_under_way_ = false;
  for (Arena* const arena : arenas_) {
    const InChild in_child = arena->source->in_child();
    if (in_child == InChild::kCopied) continue;
    if (in_child == InChild::kAbsent) {
      (void)ForEachPresentStretch(*arena, [arena](Pages first, Pages count) {
        // Whatever stays: the arena keeps its place.
        (void)arena->source->Unmap(arena->AddressOf(first), BytesOf(count));
        return 0;
      });
    }
    ForgetFiles(arena);
    if (budget_ != nullptr) budget_->Release(BytesOf(arena->present()));
    CountGone(*arena);
    arenas_.Remove(arena);
    forget(arena);
  }
  empty_pages_ = 0;
  next_step_ = policy_.first_step;
}

int PageHeap::RelockAfterFork() {
  for (Arena* const arena : arenas_) {
    if (arena->source->protection() != Protection::kLocked) continue;
    // Guards can't be locked: they are inaccessible.
    const auto accessible = [arena](Pages page) {
      return arena->whole ||
             (arena->IsPresent(page) && arena->info[page].kind != PageKind::kGuard);
    };
    const int error = ForEachStretch(*arena, accessible, [arena](Pages first, Pages count) {
      return os::LockUndumped(arena->AddressOf(first), BytesOf(count));
    });
    if (error != 0) return error;
  }
  return 0;
}

}  // namespace secure_alloc
