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
  const size_t live = live_bytes_.load(std::memory_order_relaxed);
  const size_t most = std::max({most_live_, most_live_before_, live});
  return std::max(std::min(2 * most, few), std::min(most - live, most_queued_));
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

void LargeStore::GiveBackSurplus() {
  MutexLock lock(mutex_);
  while (waiting_bytes_ > QueuedLimit()) DropOldest();
}

void LargeStore::Enqueue(const Run& run) {
  while (waiting_ == kQueue || (waiting_ > 0 && waiting_bytes_ + run.bytes() > QueuedLimit())) {
    DropOldest();
  }
  queue_[waiting_++] = {run, MappingsOf(run), 0};
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
      EdgesOf(*run) != Edges::kGuarded) {
    return;
  }
  // Where the guards will lie, and what is behind them begins; TrySplit writes over that.
  ForgetSeams({run->arena, run->first + pages, 2 * PageHeap::Margin() + 1});
  if (!guarded_pages_.TrySplit(run, pages, &rest)) return;
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

bool LargeStore::TakeWaiting(Pages pages, size_t alignment, Run* run) {
  {
    MutexLock lock(mutex_);
    if (!FindWaiting(pages, alignment, run) && !TakeKept(pages, alignment, run)) return false;
  }
  if (!IsZeroLong(run->address(), run->bytes())) Fault(FaultKind::kWriteAfterFree, nullptr);
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
