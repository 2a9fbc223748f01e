// The part of the store of large objects in which pages move instead of their bytes: those of an
// object that is resized, and those of runs that wait and are too short for the next object.
//
// What moves stays a mapping of its own; where one begins inside of a run is a seam. A page that
// is not marked may still be one, where marks were lost: its pages do not move again.
#include <algorithm>
#include <cstring>

#include "allocator/base/bytes.h"
#include "allocator/base/fault.h"
#include "allocator/heap/large.h"
#include "allocator/pages/promoted.h"

namespace secure_alloc {
namespace {

// From so many pages of one mapping on, moving is cheaper than new pages, each with its page fault.
constexpr Pages kLeastGathered = PagesFor(256 * kKiB);
constexpr unsigned kMostGathered = 8;  // runs

// A sixteenth of the default vm.max_map_count (65530).
constexpr size_t kMostSeams = 4096;

bool IsSeam(const PageInfo& page) { return page.seam; }

// Pages that are promoted are known by their addresses.
bool MayMovePages() { return promoted_pages.bytes.load(std::memory_order_relaxed) == 0; }

}  // namespace

Pages LargeStore::MappingsOf(const Run& run) const {
  if (!MayHaveSeams(run)) return 1;
  const PageInfo* const begin = run.arena->info + run.first;
  return static_cast<Pages>(1 + std::count_if(begin + 1, begin + run.count, IsSeam));
}

void LargeStore::ForgetSeams(const Run& run) {
  if (!MayHaveSeams(run)) return;
  PageInfo* const begin = run.arena->info + run.first;
  for (PageInfo* page = begin; page < begin + run.count; ++page) {
    if (!page->seam) continue;
    page->seam = false;
    seams_.fetch_sub(1, std::memory_order_relaxed);
  }
}

bool LargeStore::AddSeam(Arena* arena, Pages page) {
  if (arena->whole) return false;
  if (arena->info[page].seam) return true;  // Of a move that was refused.
  if (seams_.fetch_add(1, std::memory_order_relaxed) >= kMostSeams) {
    seams_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  arena->info[page].seam = true;
  return true;
}

size_t LargeStore::MovePages(const Run& from, size_t length, const Run& to, size_t offset,
                             Stretch stretch) {
  // Among slabs what moved in would stay a mapping.
  if (EdgesOf(from) != Edges::kGuarded || EdgesOf(to) != Edges::kGuarded) return 0;
  size_t moved = 0;
  while (moved < length) {
    size_t piece = length - moved;
    if (MayHaveSeams(from)) {
      const PageInfo* const begin = from.arena->info + from.first + PagesFor(moved);
      const PageInfo* const end = begin + PagesFor(piece);
      piece = BytesOf(static_cast<Pages>(std::find_if(begin + 1, end, IsSeam) - begin));
    }
    const size_t at = offset + moved;
    if (at > 0 && !AddSeam(to.arena, to.first + PagesFor(at))) break;
    const bool stretched = stretch == Stretch::kToTheEnd && moved + piece == length;
    const size_t new_length = stretched ? to.bytes() - at : piece;
    if (os::Relocate(from.address() + moved, piece, to.address() + at, new_length) != 0) break;
    moved += piece;
  }
  if (moved > 0 && to.bytes() >= kLeastHuge) os::PreferHugePages(to.address(), to.bytes());
  return moved;
}

void* LargeStore::TryMove(void* object, const LargeRequest& request) {
  const Run run = RunOf(object);
  const Extent extent = ExtentOf(run);
  const Pages pages = request.pages();
  if (request.size <= kMaxSlabRequest || std::min(run.count, pages) < kLeastMoved ||
      !extent.IsAtFrontOf(run) || !MayMovePages()) {
    return nullptr;
  }
  Open(run);
  Run fresh;
  int error;
  if (!TakeFresh(pages, kPageSize, &fresh, &error)) return nullptr;
  StoreShadow(StateOf(run), static_cast<uint8_t>(mark_));  // Live only with its check bytes.
  const size_t kept = std::min(run.bytes(), fresh.bytes());
  const size_t moved = MovePages(run, kept, fresh, 0, Stretch::kToTheEnd);
  if (moved == 0) {
    SetLive(StateOf(run), mark_);
    GiveBack(fresh);
    return nullptr;
  }
  std::memcpy(fresh.address() + moved, run.address() + moved, kept - moved);
  const size_t old = std::min(extent.request(), request.size);
  WipeBytes(fresh.address() + old, std::min(kept, extent.request() + 1) - old);
  if (kept == run.bytes()) fresh.address()[kept - 1] = 0;
  SetExtent(fresh, 0, request.size);
  SetLive(StateOf(fresh), mark_);
  live_bytes_.fetch_add(fresh.bytes() - run.bytes(), std::memory_order_relaxed);
  GiveBack(run);
  GiveBackSurplus();
  return fresh.address();
}

// The shortest that will do, else the longest.
bool LargeStore::TakePiece(Pages pages, Run* piece) {
  const auto is_better = [&](const Run& one, const Run& other) {
    if ((one.count >= pages) != (other.count >= pages)) return one.count >= pages;
    return one.count >= pages ? one.count < other.count : one.count > other.count;
  };
  unsigned best = waiting_;
  for (unsigned i = 0; i < waiting_; ++i) {
    const auto& [run, mappings, since] = queue_[i];
    if (EdgesOf(run) != Edges::kGuarded || run.arena->source->protection() != Protection::kPlain ||
        run.count < kLeastGathered * mappings) {
      continue;
    }
    if (best == waiting_ || is_better(run, queue_[best].run)) best = i;
  }
  if (best == waiting_) return false;
  *piece = queue_[best].run;
  RemoveWaiting(best);
  Shorten(piece, pages);
  return true;
}

bool LargeStore::TakeGathered(Pages pages, size_t alignment, Run* run) {
  if (pages < kLeastGathered || !MayMovePages()) return false;
  Run pieces[kMostGathered];
  unsigned count = 0;
  {
    MutexLock lock(mutex_);
    // Where another may wait, they serve by turns.
    if (waiting_ == 0 || (waiting_bytes_ + BytesOf(pages) <= QueuedLimit() &&
                          waiting_bytes_ - queue_[waiting_ - 1].run.bytes() < BytesOf(pages))) {
      return false;
    }
    Pages left = pages;
    while (count < kMostGathered && left >= kLeastGathered && TakePiece(left, &pieces[count])) {
      left -= std::min(left, pieces[count++].count);
    }
  }
  int error;
  const bool taken = count > 0 && TakeFresh(pages, alignment, run, &error);
  size_t sought = 0, moved = 0;
  for (unsigned i = 0; i < count; ++i) {
    // None behind one that could not be moved.
    if (taken && moved == sought) {
      const size_t length = std::min(pieces[i].bytes(), run->bytes() - moved);
      moved += MovePages(pieces[i], length, *run, moved, Stretch::kNone);
      sought += length;
    }
    GiveBack(pieces[i]);
  }
  if (!taken) return false;
  // New pages. Where this is one seam too many they do not move again.
  if (moved > 0 && moved < run->bytes()) (void)AddSeam(run->arena, run->first + PagesFor(moved));
  if (!IsZeroLong(run->address(), moved)) Fault(FaultKind::kWriteAfterFree, nullptr);
  return true;
}

}  // namespace secure_alloc
