#include "allocator/pages/page_heap.h"

#include <errno.h>

#include <algorithm>

#include "allocator/base/fault.h"
#include "allocator/base/random.h"
#include "allocator/os/os.h"
#include "allocator/pages/space.h"

namespace secure_alloc {
namespace {

// An arena leaves a page at either end of its spans inaccessible when it shares them
// with nobody: secrets are never next to anything.
constexpr Pages kMargin = 1;

// From 2 MiB of neighbouring free pages on, their shadow goes back: one system call for
// 128 KiB, and rare enough.
constexpr unsigned kShadowDropOrder = 9;

// A process at its limits must not make a dozen system calls for each allocation.
constexpr unsigned kRefusalsRemembered = 256;

bool MayHelpToAskForLess(int error) { return error == EAGAIN || error == ENOMEM || error == EFAULT; }

}  // namespace

void PageHeap::SetLadder(const Source* const* ladder, unsigned count) {
  SA_CHECK(count >= 1 && count <= kMaxLadder);
  for (unsigned i = 0; i < count; ++i) ladder_[i] = ladder[i];
  ladder_size_ = count;
  MutexLock lock(mutex_);
  refusals_left_ = 0;
}

// --- Arenas come and go ------------------------------------------------------------

Pages PageHeap::LargestArena() const {
  if (policy_.arena_pages == 0) return policy_.last_step;
  // In a small space one arena must not take it all.
  return std::min(policy_.arena_pages, PagesFor(std::max(kSpanSize, space.size() / 16)));
}

Arena* PageHeap::NewArena(const Source& source, Pages capacity, size_t alignment, bool whole) {
  const bool fills_spans = policy_.arena_pages != 0 && !whole;
  const size_t margins = fills_spans ? 0 : BytesOf(2 * kMargin);
  const size_t padding = alignment > kPageSize ? alignment : 0;
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
    arena->base = RoundUp(first_span + BytesOf(kMargin), alignment);
  } else {
    const size_t room = spans * kSpanSize / kPageSize - capacity - 2 * kMargin + 1;
    arena->base = first_span + BytesOf(kMargin + static_cast<Pages>(RandomWord() % room));
  }
  if (!whole) arena->buddy.Init(arena->info, capacity);
  return arena;
}

int PageHeap::MapPages(Arena* arena, Pages count) {
  const size_t bytes = BytesOf(count);
  if (budget_ != nullptr && !budget_->TryCharge(bytes)) return EAGAIN;
  const int error = arena->source->Map(arena->AddressOf(arena->grown), bytes);
  if (error != 0) {
    if (budget_ != nullptr) budget_->Release(bytes);
    return error;
  }
  if (!arena->whole) arena->buddy.Give(arena->grown, count);
  arena->grown += count;
  // A child made now must find a copy of what comes to lie here.
  if (fork_under_way_ && arena->source->in_child() == InChild::kAbsent) {
    const int copy_error = MakeCopy(arena);
    if (copy_error != 0) return copy_error;
  }
  return 0;
}

void PageHeap::Link(Arena* arena) {
  arena->next = arenas_;
  arena->previous = nullptr;
  if (arenas_ != nullptr) arenas_->previous = arena;
  arenas_ = arena;
}

void PageHeap::Unlink(Arena* arena) {
  (arena->previous != nullptr ? arena->previous->next : arenas_) = arena->next;
  if (arena->next != nullptr) arena->next->previous = arena->previous;
}

// The arena is not linked. Its pages, if any, leave with it.
void PageHeap::DeleteArena(Arena* arena) {
  if (arena->fork_copy != nullptr) os::Unmap(arena->fork_copy, arena->bytes());
  if (arena->grown > 0) {
    arena->source->Unmap(arena->AddressOf(0), arena->bytes());
    if (budget_ != nullptr) budget_->Release(arena->bytes());
    refusals_left_ = 0;
  }
  space.GiveSpans(arena->first_span, arena->spans);
  Arena::Delete(arena);
}

void PageHeap::ReleaseEmptyBeyond(Pages kept) {
  Arena* next;
  for (Arena* arena = arenas_; arena != nullptr && empty_pages_ > kept; arena = next) {
    next = arena->next;
    if (arena->whole || arena->free_pages() != arena->grown) continue;
    ReleaseEmpty(arena);
    // Use has fallen: the next arena may be smaller again.
    next_step_ = std::max(policy_.first_step, next_step_ / 2);
  }
}

void PageHeap::ReleaseEmpty(Arena* arena) {
  empty_pages_ -= arena->grown;
  if (arena == growing_) growing_ = nullptr;
  Unlink(arena);
  DeleteArena(arena);
}

// --- Growth ------------------------------------------------------------------------

int PageHeap::GrowBy(const Source& source, Pages step, Pages needed) {
  const Pages largest = LargestArena();
  if (Arena* const arena = growing_; arena != nullptr) {
    // Up to and with the next place where a run of `needed` pages can start.
    const Pages fit = static_cast<Pages>(RoundUp(arena->grown, needed)) + needed - arena->grown;
    const Pages count = std::min(std::max(step, fit), arena->capacity - arena->grown);
    if (count >= fit) {
      const bool was_empty = arena->free_pages() == arena->grown;
      const int error = MapPages(arena, count);
      if (error == 0 && was_empty) empty_pages_ += count;
      return error;
    }
  }
  const Pages capacity = policy_.arena_pages != 0 ? largest : step;
  Arena* const arena = NewArena(source, capacity, 1, /*whole=*/false);
  if (arena == nullptr) return ENOMEM;
  int error = MapPages(arena, step);
  // Where memlock is charged at the fault, mapping says nothing: ask for what is needed.
  if (error == 0 && source.protection() == Protection::kSecret) {
    error = PreparePages(arena, 0, needed);
  }
  if (error != 0) {
    DeleteArena(arena);
    return error;
  }
  empty_pages_ += arena->grown;
  if (policy_.arena_pages != 0) growing_ = arena;
  Link(arena);
  space.SetOwner(arena->first_span, arena->spans, arena);
  return 0;
}

int PageHeap::GrowFrom(const Source& source, Pages needed) {
  // Not more than the budget has room for: a refusal costs many system calls.
  const size_t room = budget_ == nullptr ? SIZE_MAX : budget_->room();
  if (BytesOf(needed) > room) return EAGAIN;
  const size_t affordable = std::min<size_t>(room >> kPageShift, LargestArena());
  const Pages first = static_cast<Pages>(std::min<size_t>(next_step_, affordable));
  for (Pages step = std::max(first, needed);; step = std::max(needed, step / 2)) {
    const int error = GrowBy(source, step, needed);
    if (error == 0) {
      next_step_ = std::min(std::max(step * 2, policy_.first_step), policy_.last_step);
      return 0;
    }
    if (step == needed || !MayHelpToAskForLess(error)) return error;
  }
}

void PageHeap::CountFallback(unsigned rung, int error) {
  if (rung == 0) return;
  fallbacks_.fetch_add(1, std::memory_order_relaxed);
  counters_.fallback_error = error;
}

bool PageHeap::Grow(Pages needed, int* error) {
  // What was refused is refused again, until pages come back or after a while.
  if (refusals_left_ > 0 && needed >= refused_pages_) {
    *error = refusal_;
    if (--refusals_left_ == 0) {
      for (Arena* arena = arenas_; arena != nullptr; arena = arena->next) arena->exhausted = false;
    }
    return false;
  }
  for (unsigned rung = 0; rung < ladder_size_; ++rung) {
    int refusal = GrowFrom(*ladder_[rung], needed);
    if (refusal != 0 && MayHelpToAskForLess(refusal) && empty_pages_ > 0) {
      // Idle arenas, none of them long enough, make room for one that is.
      ReleaseEmptyBeyond(0);
      refusal = GrowFrom(*ladder_[rung], needed);
    }
    if (refusal == 0) {
      CountFallback(rung, *error);
      return true;
    }
    if (rung == 0) *error = refusal;
  }
  refusals_left_ = kRefusalsRemembered;
  refused_pages_ = needed;
  refusal_ = *error;
  return false;
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
      while (page < end) info[page++].prepared = true;
    } else {
      ++page;
    }
  }
  return 0;
}

bool PageHeap::TakeRun(unsigned order, Run* run, int* error) {
  const Pages count = Pages{1} << order;
  for (;;) {
    for (Arena* arena = arenas_; arena != nullptr; arena = arena->next) {
      if (arena->whole || arena->exhausted || arena->free_pages() < count) continue;
      const bool was_empty = arena->free_pages() == arena->grown;
      const Pages first = arena->buddy.Take(order);
      if (first == Buddy::kNone) continue;
      if (was_empty) empty_pages_ -= arena->grown;
      if (arena != arenas_) {  // The next search finds it at once.
        Unlink(arena);
        Link(arena);
      }
      *run = {arena, first, count};
      return true;
    }
    if (!Grow(count, error)) return false;
  }
}

void PageHeap::GivePages(Arena* arena, Pages first, Pages count) {
  PageInfo* const info = arena->info;
  for (Pages page = first; page < first + count;) {
    Pages end = page;
    while (end < first + count && info[end].prepared) ++end;
    if (end > page) {
      const bool again = arena->source->Retire(arena->AddressOf(page), BytesOf(end - page));
      for (; page < end; ++page) info[page].prepared = !again;
    } else {
      ++page;
    }
  }
  const Buddy::FreeRun merged = arena->buddy.Give(first, count);
  if (merged.order >= kShadowDropOrder) {
    space.DropShadow(arena->AddressOf(merged.first), BytesOf(Pages{1} << merged.order));
  }
  arena->exhausted = false;
  refusals_left_ = 0;
  if (arena->free_pages() == arena->grown) empty_pages_ += arena->grown;
}

bool PageHeap::TryTake(unsigned order, Run* run, int* error) {
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
  if (refused->free_pages() == refused->grown) {
    ReleaseEmpty(refused);
  } else {
    refused->exhausted = true;
  }
  return true;
}

bool PageHeap::TryTakeWhole(Pages count, size_t alignment, Run* run, int* error) {
  for (unsigned rung = 0; rung < ladder_size_; ++rung) {
    Arena* const arena = NewArena(*ladder_[rung], count, alignment, /*whole=*/true);
    if (arena == nullptr) {
      if (rung == 0) *error = ENOMEM;
      return false;
    }
    int refusal = MapPages(arena, count);
    if (refusal == 0) refusal = arena->source->Prepare(arena->AddressOf(0), BytesOf(count));
    if (refusal == 0) {
      CountFallback(rung, *error);
      arena->info[0] = {0, count, PageKind::kLarge, 0, true};
      Link(arena);
      space.SetOwner(arena->first_span, arena->spans, arena);
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
  const Pages extra = alignment > kPageSize ? PagesFor(alignment) : 0;
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
      RoundUp(Address(arena->AddressOf(room.first + margin)), std::max(alignment, kPageSize));
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
  *run = {arena, first, count};
  return true;
}

bool PageHeap::TryTakeBare(Pages count, size_t alignment, Run* run, int* error) {
  MutexLock lock(mutex_);
  const size_t total = size_t{count} + (alignment > kPageSize ? PagesFor(alignment) : 0);
  if (total > LargestArena()) {
    *error = ENOMEM;
    return false;
  }
  if (!TakeLarge(count, 0, alignment, run, error)) return false;
  ++counters_.unguarded;
  return true;
}

bool PageHeap::TryTakeGuarded(Pages count, size_t alignment, Run* run, bool* guarded, int* error) {
  MutexLock lock(mutex_);
  *guarded = true;
  const size_t total =
      size_t{count} + 2 * kMargin + (alignment > kPageSize ? PagesFor(alignment) : 0);
  if (total > LargestArena()) return TryTakeWhole(count, alignment, run, error);
  if (!TakeLarge(count, kMargin, alignment, run, error)) return false;
  const Source& source = *run->arena->source;
  char* const before = run->address() - BytesOf(kMargin);
  char* const behind = run->address() + run->bytes();
  if (source.Guard(before, BytesOf(kMargin)) != 0) {
    *guarded = false;
  } else if (source.Guard(behind, BytesOf(kMargin)) != 0) {
    // Merging two mappings back needs no further map entry.
    SA_CHECK(source.Unguard(before, BytesOf(kMargin)) == 0);
    *guarded = false;
  }
  if (!*guarded) ++counters_.unguarded;
  return true;
}

void PageHeap::Give(const Run& run) {
  MutexLock lock(mutex_);
  GivePages(run.arena, run.first, run.count);
  ReleaseEmptyBeyond(policy_.kept_empty);
}

void PageHeap::GiveGuarded(const Run& run, bool guarded) {
  Arena* const arena = run.arena;
  if (arena->whole) {
    MutexLock lock(mutex_);
    Unlink(arena);
    DeleteArena(arena);
    return;
  }
  const Run all = {arena, run.first - kMargin, run.count + 2 * kMargin};
  if (guarded) {
    // Merging mappings back needs no further map entry.
    SA_CHECK(arena->source->Unguard(arena->AddressOf(all.first), kPageSize) == 0);
    SA_CHECK(arena->source->Unguard(run.address() + run.bytes(), kPageSize) == 0);
  }
  Give(all);
}

size_t PageHeap::Trim() {
  MutexLock lock(mutex_);
  const Pages before = empty_pages_;
  ReleaseEmptyBeyond(0);
  return BytesOf(before - empty_pages_);
}

PageHeap::Usage PageHeap::GetUsage() {
  MutexLock lock(mutex_);
  Usage usage = counters_;
  for (Arena* arena = arenas_; arena != nullptr; arena = arena->next) {
    const unsigned i = static_cast<unsigned>(arena->source->protection());
    ++usage.arenas[i];
    usage.mapped_bytes[i] += arena->bytes();
    usage.used_bytes[i] += arena->bytes() - BytesOf(arena->free_pages());
  }
  return usage;
}

}  // namespace secure_alloc
