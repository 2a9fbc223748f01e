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
  if (policy_.shadowed && merged.order >= kShadowDropOrder && !growth_sealed()) {
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
      if (count >= kLeastPurged) arena->Discard(arena->AddressOf(page), BytesOf(count));
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

void PageHeap::Give(const Run& run) {
  MutexLock lock(mutex_);
  GivePages(run.arena, run.first, run.count);
  ReleaseEmptyBeyond(kept_empty_);
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
