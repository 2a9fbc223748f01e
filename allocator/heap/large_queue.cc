// The part of the store of large objects in which freed runs wait.
#include <algorithm>

#include "allocator/base/bytes.h"
#include "allocator/base/fault.h"
#include "allocator/heap/large.h"
#include "allocator/os/os.h"

namespace secure_alloc {
namespace {

// How often the queue looks at the clock, how long runs wait (ms), and what is worth to be cut
// off a run (system pages).
constexpr unsigned kTicksPerLook = 16;
constexpr uint64_t kPatience = 1000;
constexpr Pages kLeastRest = 16;

}  // namespace

bool LargeStore::IsTooLongToQueue(const Run& run) {
  MutexLock lock(mutex_);
  most_live_ = std::max(most_live_, live_bytes_.load(std::memory_order_relaxed) + run.bytes());
  return run.bytes() > QueuedLimit();
}

size_t LargeStore::QueuedLimit() const {
  const size_t least = queued_limit_.load(std::memory_order_relaxed);
  return std::max(least, std::min(most_live_, most_queued_));
}

// Now and then looks at the clock: what has waited long goes, and so does the memory of
// better times.
void LargeStore::Tick() {
  most_live_ = std::max(most_live_, live_bytes_.load(std::memory_order_relaxed));
  if (++ticks_ % kTicksPerLook != 0) return;
  const uint64_t now = os::Milliseconds();
  if (now - now_ > kPatience) most_live_ = live_bytes_.load(std::memory_order_relaxed);
  now_ = now;
  while (waiting_ > 0 && now - queue_[0].since > kPatience) DropOldest();
}

void LargeStore::Enqueue(const Run& run) {
  while (waiting_ == kQueue || (waiting_ > 0 && waiting_bytes_ + run.bytes() > QueuedLimit())) {
    DropOldest();
  }
  queue_[waiting_++] = {run, now_};
  waiting_bytes_ += run.bytes();
}

// Cuts off what is worth to be kept for others.
void LargeStore::Shorten(Run* run, Pages pages) {
  Run rest;
  if (run->count < pages + pages / 4 + kLeastRest * SystemPage() ||
      EdgesOf(*run) != Edges::kGuarded || !guarded_pages_.TrySplit(run, pages, &rest)) {
    return;
  }
  guarded_runs_.fetch_add(1, std::memory_order_relaxed);
  SetEdges(rest, Edges::kGuarded);
  Enqueue(rest);
}

// The shortest that will do, but not the newest.
bool LargeStore::FindWaiting(Pages pages, size_t alignment, Run* found) {
  unsigned best = waiting_;
  for (unsigned i = 0; i + 1 < waiting_; ++i) {
    const Run& run = queue_[i].run;
    if (run.count < pages || (Address(run.address()) & (alignment - 1)) != 0) continue;
    // Others than ordinary ones can't be cut.
    if (run.count > pages + pages / 4 && run.arena->source->protection() != Protection::kPlain) {
      continue;
    }
    if (best == waiting_ || run.count < queue_[best].run.count) best = i;
  }
  if (best == waiting_) return false;
  *found = queue_[best].run;
  std::copy(queue_ + best + 1, queue_ + waiting_, queue_ + best);
  --waiting_;
  waiting_bytes_ -= found->bytes();
  Shorten(found, pages);
  return true;
}

bool LargeStore::TakeNewest(Pages pages, Run* newest) {
  if (waiting_ == 0) return false;
  *newest = queue_[waiting_ - 1].run;
  if (newest->count < pages || newest->arena->source->protection() != Protection::kPlain) {
    return false;
  }
  // Where two may wait, they serve by turns.
  if (waiting_bytes_ + BytesOf(pages) <= QueuedLimit()) return false;
  --waiting_;
  waiting_bytes_ -= newest->bytes();
  Shorten(newest, pages);
  return true;
}

// The pages of the newest one, at another address.
bool LargeStore::TakeMoved(Pages pages, size_t alignment, Run* run) {
  if (pages < kLeastMoved) return false;
  Run newest;
  {
    MutexLock lock(mutex_);
    if (!TakeNewest(pages, &newest)) return false;
  }
  int error;
  bool moved = TakeFresh(pages, alignment, run, &error);
  if (moved && !MovePages(newest, *run, run->bytes())) {
    GiveBack(*run);
    moved = false;
  }
  GiveBack(newest);
  return moved;
}

bool LargeStore::TakeWaiting(Pages pages, size_t alignment, Run* run) {
  bool found;
  {
    MutexLock lock(mutex_);
    found = FindWaiting(pages, alignment, run) || TakeKept(pages, alignment, run);
  }
  if (!found && !TakeMoved(pages, alignment, run)) return false;
  if (!IsZeroLong(run->address(), run->bytes())) Fault(FaultKind::kWriteAfterFree, nullptr);
  return true;
}

void LargeStore::DropOldest() {
  const Run oldest = queue_[0].run;
  std::copy(queue_ + 1, queue_ + waiting_, queue_);
  --waiting_;
  waiting_bytes_ -= oldest.bytes();
  GiveBack(oldest);
}

void LargeStore::Trim() {
  MutexLock lock(mutex_);
  while (waiting_ > 0) DropOldest();
}

}  // namespace secure_alloc
