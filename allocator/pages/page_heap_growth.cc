// The part of the page heap that grows: by need, or for a reservation; source by source.
#include <errno.h>

#include <algorithm>

#include "allocator/base/fault.h"
#include "allocator/base/probe.h"
#include "allocator/pages/page_heap.h"
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

// --- The ladder --------------------------------------------------------------------

void PageHeap::CountFallback(unsigned rung, int error) {
  if (rung == 0) return;
  fallback_error_.store(error, std::memory_order_relaxed);
  record_.fallback_arenas.Add(1);
  probe::ArenaDegraded(static_cast<unsigned>(ladder_[rung]->protection()), error);
}

int PageHeap::DownTheLadder(int (PageHeap::*attempt)(const Source&, Pages), Pages count) {
  int first_error = 0;
  for (unsigned rung = 0; rung < ladder_size_; ++rung) {
    int error = (this->*attempt)(*ladder_[rung], count);
    if (error != 0 && MayHelpToAskForLess(error) && empty_pages_ > 0) {
      // Idle arenas, none of them long enough, make room for one that is.
      ReleaseEmptyBeyond(0);
      error = (this->*attempt)(*ladder_[rung], count);
    }
    if (error == 0) {
      CountFallback(rung, first_error);
      return 0;
    }
    if (rung == 0) first_error = error;
  }
  return first_error;
}

// --- Growth ------------------------------------------------------------------------

void PageHeap::LearnFromGrowth() {
  if (!gave_back_) return;
  gave_back_ = false;
  const size_t share = budget_ == nullptr ? SIZE_MAX : budget_->limit() / kMostKeptShare;
  const size_t most = std::min<size_t>(policy_.last_step, share >> kPageShift);
  kept_empty_ = std::max(kept_empty_, static_cast<Pages>(std::min(2 * size_t{kept_empty_}, most)));
}

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
  // Where memlock is charged at the fault, mapping says nothing: ask for what is needed.
  const Pages prepared = source.protection() == Protection::kSecret ? needed : 0;
  if (const int error = OpenArena(arena, step, prepared); error != 0) return error;
  if (arena->idle()) empty_pages_ += arena->present();
  if (policy_.arena_pages != 0) growing_ = arena;
  Enlist(arena);
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

bool PageHeap::Grow(Pages needed, int* error) {
  if (growth_sealed()) {
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
    for (Arena* const arena : arenas_) arena->exhausted = false;
    refused_pages_ = 0;
  }
  *error = DownTheLadder(&PageHeap::GrowFrom, needed);
  if (*error == 0) return true;
  refusals_left_ = kRefusalsRemembered;
  refused_pages_ = needed;
  refused_epoch_ = MemoryEpoch();
  refusal_ = *error;
  return false;
}

// --- Reservation -------------------------------------------------------------------

int PageHeap::ReserveFrom(const Source& source, Pages count) {
  Arena* const arena = NewArena(source, count, 1, /*whole=*/false);
  if (arena == nullptr) return ENOMEM;
  arena->file_pages = 0;  // It stays.
  if (const int error = OpenArena(arena, count, count); error != 0) return error;
  arena->reserved = true;
  arena->FaultInMetadata();
  space.FaultInShadow(arena->AddressOf(0), arena->bytes());
  Enlist(arena);
  return 0;
}

int PageHeap::ReserveLocked(size_t pages) {
  if (growth_sealed()) return EPERM;
  size_t made = 0;
  while (pages > 0) {
    const Pages count = static_cast<Pages>(std::min<size_t>(pages, kLargestReservation));
    if (const int error = DownTheLadder(&PageHeap::ReserveFrom, count); error != 0) {
      for (; made > 0; --made) {
        Arena* const arena = arenas_.first();
        arenas_.Remove(arena);
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

}  // namespace secure_alloc
