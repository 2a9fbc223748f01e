// The part of the page heap in which arenas come, go and are sealed.
#include <errno.h>

#include <algorithm>

#include "allocator/base/bytes.h"
#include "allocator/base/probe.h"
#include "allocator/base/random.h"
#include "allocator/os/lockdown.h"
#include "allocator/os/os.h"
#include "allocator/pages/page_heap.h"
#include "allocator/pages/promoted.h"
#include "allocator/pages/space.h"
#include "allocator/pages/used_pages.h"

namespace secure_alloc {

Pages PageHeap::LargestArena() const {
  if (policy_.arena_pages == 0) return policy_.last_step;
  // In a small space one arena must not take it all. Runs are powers of two, so arenas are.
  return std::bit_floor(
      std::min(policy_.arena_pages, PagesFor(std::max(kSpanSize, space.size() / 16))));
}

Arena* PageHeap::NewArena(const Source& source, Pages capacity, size_t alignment, bool whole) {
  const bool fills_spans = policy_.arena_pages != 0 && !whole;
  const size_t margins = fills_spans ? 0 : BytesOf(2 * Margin());
  const size_t padding = alignment > os::PageSize() ? alignment : 0;
  const size_t needed = BytesOf(capacity) + margins + padding;
  const uint32_t spans = static_cast<uint32_t>((needed + kSpanSize - 1) / kSpanSize);
  const uintptr_t first_span = space.TakeSpans(spans, source.protection() == Protection::kPlain);
  if (first_span == 0) return nullptr;
  Arena* const arena = Arena::New(whole ? 2 : capacity, policy_.record_pages);
  if (arena == nullptr) {
    space.GiveSpans(first_span, spans);
    return nullptr;
  }
  arena->capacity = capacity;
  arena->source = &source;
  arena->heap = this;
  arena->whole = whole;
  arena->first_span = first_span;
  arena->spans = spans;
  if (fills_spans) {
    arena->base = first_span;
  } else if (padding != 0) {
    arena->base = RoundUp(first_span + BytesOf(Margin()), alignment);
  } else {
    const size_t places = (spans * kSpanSize - needed) / os::PageSize() + 1;
    arena->base = first_span + BytesOf(Margin()) + RandomWord() % places * os::PageSize();
  }
  if (!whole) arena->buddy.Init(arena->info, capacity);
  if (!whole) arena->file_pages = ChooseFilePages(capacity);
  return arena;
}

int PageHeap::MapPages(Arena* arena, Pages count) {
  const size_t bytes = BytesOf(count);
  if (budget_ != nullptr && !budget_->TryCharge(bytes)) return EAGAIN;
  const int error = MapFiles(arena, arena->grown, count);
  if (error != 0) {
    if (budget_ != nullptr) budget_->Release(bytes);
    return error;
  }
  const unsigned kind = static_cast<unsigned>(arena->source->protection());
  if (arena->grown == 0) {
    record_.arenas[kind].Add(1);
    probe::ArenaCreated(bytes, kind);
  }
  record_.mapped_bytes[kind].Add(bytes);
  if (arena->whole) {
    CountUsed(*arena, count);
  } else {
    arena->buddy.Give(arena->grown, count);
  }
  __atomic_store_n(&arena->grown, arena->grown + count, __ATOMIC_RELAXED);  // See Covers().
  // A child made now must find a copy of what comes to lie here.
  if (fork_under_way_ && arena->source->in_child() == InChild::kAbsent) {
    const int copy_error = MakeCopy(arena);
    if (copy_error != 0) return copy_error;
  }
  return 0;
}

int PageHeap::OpenArena(Arena* arena, Pages count, Pages prepared) {
  int error = MapPages(arena, count);
  if (error == 0) error = PreparePages(arena, 0, prepared);
  if (error == 0) error = SealIfAsked(arena);
  if (error != 0) DeleteArena(arena);
  return error;
}

void PageHeap::Enlist(Arena* arena) {
  arenas_.Push(arena);
  space.SetOwner(arena->first_span, arena->spans, arena);
}

// The arena is not linked. Its pages, if any, leave with it.
void PageHeap::DeleteArena(Arena* arena) {
  if (arena->fork_copy != nullptr) DropCopy(arena);
  if (arena->grown > 0) {
    CountGone(*arena);
    probe::ArenaReleased(arena->bytes(), static_cast<unsigned>(arena->source->protection()));
    UnmapFiles(arena);
    if (budget_ != nullptr) budget_->Release(BytesOf(arena->present()));
    NoteMemoryBack();
  }
  if (arena->littered) {
    space.LoseSpans(arena->first_span, arena->spans);
  } else {
    space.GiveSpans(arena->first_span, arena->spans);
  }
  Arena::Delete(arena);
}

void PageHeap::ReleaseEmptyBeyond(Pages kept) {
  for (Arena* const arena : arenas_) {
    if (empty_pages_ <= kept) return;
    if (!arena->idle() || !MakeOrdinary(arena->AddressOf(0), arena->bytes())) continue;
    ReleaseEmpty(arena);
    gave_back_ = true;
    // Use has fallen: the next arena may be smaller again.
    next_step_ = std::max(policy_.first_step, next_step_ / 2);
  }
}

void PageHeap::ReleaseEmpty(Arena* arena) {
  empty_pages_ -= arena->present();
  if (arena == growing_) growing_ = nullptr;
  arenas_.Remove(arena);
  DeleteArena(arena);
}

namespace {

void WipeUsed(const Arena& arena) {
  (void)ForEachUsedStretch(arena, [&arena](Pages first, Pages count) {
    WipeLong(arena.AddressOf(first), BytesOf(count));
    return 0;
  });
}

}  // namespace

void PageHeap::WipeLocked(void (*forget)(Arena*)) {
  for (Arena* const arena : arenas_) {
    if (arena->source->protection() != Protection::kLocked) continue;
    WipeUsed(*arena);
    forget(arena);
  }
}

void PageHeap::Close() {
  MutexLock lock(mutex_);
  while (Arena* const arena = arenas_.first()) {
    WipeUsed(*arena);
    arenas_.Remove(arena);
    DeleteArena(arena);
  }
}

// --- Sealing -----------------------------------------------------------------------

int PageHeap::SealIfAsked(Arena* arena) {
  if (!seals_arenas_) return 0;
  const int error = os::Seal(arena->AddressOf(0), arena->bytes());
  if (error == 0) arena->sealed.store(true, std::memory_order_relaxed);
  return error;
}

int PageHeap::SealArenas() {
  MutexLock lock(mutex_);
  seals_arenas_ = true;
  for (Arena* const arena : arenas_) {
    if (arena->sealed.load(std::memory_order_relaxed)) continue;
    const bool was_idle = arena->idle();
    if (const int error = SealIfAsked(arena); error != 0) return error;
    if (was_idle) empty_pages_ -= arena->present();
  }
  return 0;
}

void PageHeap::SealGrowth() {
  MutexLock lock(mutex_);
  growth_sealed_.store(true, std::memory_order_relaxed);
  for (Arena* const arena : arenas_) {
    arena->reserved = true;  // Nothing idle goes back to the kernel any more.
    if (!arena->whole) WithdrawUnready(arena);
  }
  empty_pages_ = 0;
}

// What nobody can have any more must not be found before what is ready: it counts as in use.
void PageHeap::WithdrawUnready(Arena* arena) {
  const auto is_unready = [arena](Pages page) {
    return arena->buddy.AllFree(page, 1) && !arena->info[page].prepared;
  };
  (void)ForEachStretch(*arena, is_unready, [&](Pages first, Pages count) SA_NO_THREAD_SAFETY {
    arena->buddy.Withdraw(first, count);
    for (Pages page = first; page < first + count; ++page) {
      SayKind(arena->info[page], PageKind::kAllocated);
    }
    CountUsed(*arena, count);
    return 0;
  });
}

}  // namespace secure_alloc
