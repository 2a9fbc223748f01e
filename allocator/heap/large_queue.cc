// The part of the store of large objects in which freed runs wait.
#include <algorithm>

#include "allocator/base/bytes.h"
#include "allocator/base/fault.h"
#include "allocator/heap/large.h"

namespace secure_alloc {
namespace {

// What is worth to be cut off a run (system pages).
constexpr Pages kLeastRest = 16;

}  // namespace

bool LargeStore::IsTooLongToQueue(const Run& run) {
  MutexLock lock(mutex_);
  most_live_ = std::max(most_live_, live_bytes_.load(std::memory_order_relaxed) + run.bytes());
  return run.bytes() > QueuedLimit();
}

size_t LargeStore::QueuedLimit() const {
  const size_t few = queued_limit_.load(std::memory_order_relaxed);
  const size_t live = std::max(most_live_, most_live_before_);
  return std::max(std::min(2 * live, few), std::min(live, most_queued_));
}

void LargeStore::GiveBackStale(uint64_t now) {
  MutexLock lock(mutex_);
  if (period_ + kPatience < now) {
    const size_t live = live_bytes_.load(std::memory_order_relaxed);
    most_live_before_ = period_ + 2 * kPatience < now ? live : most_live_;
    most_live_ = live;
    period_ = now;
  }
  for (unsigned i = waiting_; i > 0 && queue_[i - 1].since == 0; --i) queue_[i - 1].since = now;
  while (waiting_ > 0 && queue_[0].since + kPatience < now) DropOldest();
}

void LargeStore::Enqueue(const Run& run) {
  while (waiting_ == kQueue || (waiting_ > 0 && waiting_bytes_ + run.bytes() > QueuedLimit())) {
    DropOldest();
  }
  queue_[waiting_++] = {run, 0};
  waiting_bytes_ += run.bytes();
}

void LargeStore::RemoveWaiting(unsigned i) {
  waiting_bytes_ -= queue_[i].run.bytes();
  std::copy(queue_ + i + 1, queue_ + waiting_, queue_ + i);
  --waiting_;
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
  RemoveWaiting(best);
  Shorten(found, pages);
  return true;
}

bool LargeStore::TakeLongest(Pages pages, Run* longest) {
  // Where two may wait, they serve by turns.
  if (waiting_bytes_ + BytesOf(pages) <= QueuedLimit()) return false;
  unsigned best = 0;
  for (unsigned i = 1; i < waiting_; ++i) {
    if (queue_[i].run.count > queue_[best].run.count) best = i;
  }
  if (waiting_ == 0 || queue_[best].run.count < kLeastMoved) return false;
  *longest = queue_[best].run;
  if (longest->arena->source->protection() != Protection::kPlain) return false;
  RemoveWaiting(best);
  Shorten(longest, pages);
  return true;
}

// The pages of the longest one, at another address, and new ones behind them if they are too few.
bool LargeStore::TakeMoved(Pages pages, size_t alignment, Run* run, size_t* moved) {
  if (pages < kLeastMoved || !MayMovePages()) return false;
  Run longest;
  {
    MutexLock lock(mutex_);
    if (!TakeLongest(pages, &longest)) return false;
  }
  int error;
  *moved = std::min(BytesOf(pages), longest.bytes());
  bool done = TakeFresh(pages, alignment, run, &error);
  if (done && !MovePages(longest, *run, *moved)) {
    GiveBack(*run);
    done = false;
  }
  GiveBack(longest);
  return done;
}

bool LargeStore::TakeWaiting(Pages pages, size_t alignment, Run* run) {
  bool found;
  {
    MutexLock lock(mutex_);
    found = FindWaiting(pages, alignment, run) || TakeKept(pages, alignment, run);
  }
  size_t used = found ? run->bytes() : 0;
  if (!found && !TakeMoved(pages, alignment, run, &used)) return false;
  if (!IsZeroLong(run->address(), used)) Fault(FaultKind::kWriteAfterFree, nullptr);
  return true;
}

void LargeStore::DropOldest() {
  const Run oldest = queue_[0].run;
  RemoveWaiting(0);
  Stays(oldest) ? Keep(oldest) : GiveBack(oldest);
}

void LargeStore::GiveBackWaiting(size_t bytes) {
  MutexLock lock(mutex_);
  const size_t left = waiting_bytes_ > bytes ? waiting_bytes_ - bytes : 0;
  while (waiting_bytes_ > left) DropOldest();
}

}  // namespace secure_alloc
