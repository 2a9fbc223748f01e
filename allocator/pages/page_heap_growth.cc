// The part of the page heap in which arenas come and go.
#include <errno.h>

#include <algorithm>

#include "allocator/base/bytes.h"
#include "allocator/base/fault.h"
#include "allocator/base/probe.h"
#include "allocator/base/random.h"
#include "allocator/os/os.h"
#include "allocator/pages/page_heap.h"
#include "allocator/pages/used_pages.h"
#include "allocator/os/lockdown.h"
#include "allocator/pages/space.h"

namespace secure_alloc {
namespace {

// A process at its limits must not make a dozen system calls for each allocation.
constexpr unsigned kRefusalsRemembered = 64;

// Of the budget, what may be kept in empty arenas by one page heap.
constexpr size_t kMostKeptShare = 8;

// Pages of one arena of a reservation: the largest run of the buddy.
constexpr Pages kLargestReservation = Pages{1} << (Buddy::kOrders - 1);

bool MayHelpToAskForLess(int error) {
  return error == EAGAIN || error == ENOMEM || error == EFAULT;
}

}  // namespace

void PageHeap::SetLadder(const Source* const* ladder, unsigned count) {
  SA_CHECK(count >= 1 && count <= kMaxLadder);
  for (unsigned i = 0; i < count; ++i) ladder_[i] = ladder[i];
  ladder_size_ = count;
  MutexLock lock(mutex_);
  refusals_left_ = 0;
}

namespace {

// Counts the times that memory came back to any page heap, or to the kernel. Relaxed: a
// remembered refusal may live one allocation longer.
constinit std::atomic<uint32_t> memory_epoch{0};

}  // namespace

uint32_t PageHeap::MemoryEpoch() { return memory_epoch.load(std::memory_order_relaxed); }

void PageHeap::NoteMemoryBack() { memory_epoch.fetch_add(1, std::memory_order_relaxed); }

// --- Arenas come and go ------------------------------------------------------------

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
  if (arena->fork_copy != nullptr) DropCopy(arena);
  if (arena->grown > 0) {
    CountGone(*arena);
    probe::ArenaReleased(arena->bytes(), static_cast<unsigned>(arena->source->protection()));
    UnmapFiles(arena);
    if (budget_ != nullptr) budget_->Release(BytesOf(arena->present()));
    NoteMemoryBack();
  }
  space.GiveSpans(arena->first_span, arena->spans);
  Arena::Delete(arena);
}

void PageHeap::ReleaseEmptyBeyond(Pages kept) {
  Arena* next;
  for (Arena* arena = arenas_; arena != nullptr && empty_pages_ > kept; arena = next) {
    next = arena->next;
    if (!arena->idle()) continue;
    ReleaseEmpty(arena);
    gave_back_ = true;
    // Use has fallen: the next arena may be smaller again.
    next_step_ = std::max(policy_.first_step, next_step_ / 2);
  }
}

void PageHeap::ReleaseEmpty(Arena* arena) {
  empty_pages_ -= arena->present();
  if (arena == growing_) growing_ = nullptr;
  Unlink(arena);
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
  for (Arena* arena = arenas_; arena != nullptr; arena = arena->next) {
    if (arena->source->protection() != Protection::kLocked) continue;
    WipeUsed(*arena);
    forget(arena);
  }
}

void PageHeap::Close() {
  MutexLock lock(mutex_);
  while (Arena* const arena = arenas_) {
    WipeUsed(*arena);
    Unlink(arena);
    DeleteArena(arena);
  }
}

void PageHeap::LearnFromGrowth() {
  if (!gave_back_) return;
  gave_back_ = false;
  const size_t share = budget_ == nullptr ? SIZE_MAX : budget_->limit() / kMostKeptShare;
  const size_t most = std::min<size_t>(policy_.last_step, share >> kPageShift);
  kept_empty_ = std::max(kept_empty_, static_cast<Pages>(std::min(2 * size_t{kept_empty_}, most)));
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
  for (Arena* arena = arenas_; arena != nullptr; arena = arena->next) {
    if (arena->sealed.load(std::memory_order_relaxed)) continue;
    const bool was_idle = arena->idle();
    if (const int error = SealIfAsked(arena); error != 0) return error;
    if (was_idle) empty_pages_ -= arena->present();
  }
  return 0;
}

void PageHeap::SealGrowth() {
  MutexLock lock(mutex_);
  growth_sealed_ = true;
  // Nothing idle goes back to the kernel any more.
  for (Arena* arena = arenas_; arena != nullptr; arena = arena->next) arena->reserved = true;
  empty_pages_ = 0;
}

// --- Growth ------------------------------------------------------------------------

int PageHeap::GrowBy(const Source& source, Pages step, Pages needed) {
  const Pages largest = LargestArena();
  if (Arena* const arena = growing_; arena != nullptr) {
    // Up to and with the next place where a run of `needed` pages can start.
    const Pages fit = static_cast<Pages>(RoundUp(arena->grown, needed)) + needed - arena->grown;
    const Pages count = std::min(std::max(step, fit), arena->capacity - arena->grown);
    if (count >= fit) {
      const bool was_idle = arena->idle();
      const int error = MapPages(arena, count);
      if (error == 0 && was_idle) empty_pages_ += count;
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
  if (error == 0) error = SealIfAsked(arena);
  if (error != 0) {
    DeleteArena(arena);
    return error;
  }
  if (arena->idle()) empty_pages_ += arena->present();
  if (policy_.arena_pages != 0) growing_ = arena;
  Link(arena);
  space.SetOwner(arena->first_span, arena->spans, arena);
  return 0;
}

namespace {

Pages WholeStep(size_t wanted, Pages needed) {
  return std::max(needed, static_cast<Pages>(RoundDown(wanted, SystemPage())));
}

}  // namespace

int PageHeap::GrowFrom(const Source& source, Pages needed) {
  if (RefillAny(source, needed)) return 0;
  // Not more than the budget has room for: a refusal costs many system calls.
  const size_t room = budget_ == nullptr ? SIZE_MAX : budget_->room();
  if (BytesOf(needed) > room) return EAGAIN;
  const size_t affordable = std::min<size_t>(room >> kPageShift, LargestArena());
  const size_t first = std::min<size_t>(next_step_, affordable);
  for (Pages step = WholeStep(first, needed);; step = WholeStep(step / 2, needed)) {
    const int error = GrowBy(source, step, needed);
    if (error == 0) {
      LearnFromGrowth();
      next_step_ = std::min(std::max(step * 2, policy_.first_step), policy_.last_step);
      return 0;
    }
    if (step == needed || !MayHelpToAskForLess(error)) return error;
  }
}

// --- Reservation -------------------------------------------------------------------

int PageHeap::ReserveFrom(const Source& source, Pages count) {
  Arena* const arena = NewArena(source, count, 1, /*whole=*/false);
  if (arena == nullptr) return ENOMEM;
  arena->file_pages = 0;  // It stays.
  int error = MapPages(arena, count);
  if (error == 0) error = PreparePages(arena, 0, count);
  if (error == 0) error = SealIfAsked(arena);
  if (error != 0) {
    DeleteArena(arena);
    return error;
  }
  arena->reserved = true;
  arena->FaultInMetadata();
  space.FaultInShadow(arena->AddressOf(0), arena->bytes());
  Link(arena);
  space.SetOwner(arena->first_span, arena->spans, arena);
  return 0;
}

// By the ladder.
int PageHeap::ReserveArena(Pages count) {
  int first_error = 0;
  for (unsigned rung = 0; rung < ladder_size_; ++rung) {
    int error = ReserveFrom(*ladder_[rung], count);
    if (error != 0 && MayHelpToAskForLess(error) && empty_pages_ > 0) {
      ReleaseEmptyBeyond(0);
      error = ReserveFrom(*ladder_[rung], count);
    }
    if (error == 0) {
      CountFallback(rung, first_error);
      return 0;
    }
    if (rung == 0) first_error = error;
  }
  return first_error;
}

int PageHeap::ReserveLocked(size_t pages) {
  size_t made = 0;
  while (pages > 0) {
    const Pages count = static_cast<Pages>(std::min<size_t>(pages, kLargestReservation));
    if (const int error = ReserveArena(count); error != 0) {
      for (; made > 0; --made) {
        Arena* const arena = arenas_;
        Unlink(arena);
        DeleteArena(arena);
      }
      return error;
    }
    ++made;
    pages -= count;
  }
  return 0;
}

int PageHeap::Reserve(size_t pages) {
  MutexLock lock(mutex_);
  const int error = ReserveLocked(RoundUp(pages, SystemPage()));
  if (error == 0) has_reservation_.store(true, std::memory_order_relaxed);
  return error;
}

void PageHeap::CountFallback(unsigned rung, int error) {
  if (rung == 0) return;
  fallback_error_.store(error, std::memory_order_relaxed);
  record_.fallback_arenas.Add(1);
  probe::ArenaDegraded(static_cast<unsigned>(ladder_[rung]->protection()), error);
}

bool PageHeap::Grow(Pages needed, int* error) {
  if (growth_sealed_) {
    *error = EPERM;
    return false;
  }
  // What was refused is refused again, until memory comes back anywhere or after a while.
  if (refusals_left_ > 0 && needed >= refused_pages_ && refused_epoch_ == MemoryEpoch()) {
    --refusals_left_;
    *error = refusal_;
    return false;
  }
  if (refused_pages_ != 0) {
    // That is over: pages that were refused may be had now, too.
    for (Arena* arena = arenas_; arena != nullptr; arena = arena->next) arena->exhausted = false;
    refused_pages_ = 0;
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
  refused_epoch_ = MemoryEpoch();
  refusal_ = *error;
  return false;
}

}  // namespace secure_alloc
