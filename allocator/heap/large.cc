#include "allocator/heap/large.h"

#include <errno.h>

#include <algorithm>

#include "allocator/base/bytes.h"
#include "allocator/base/fault.h"
#include "allocator/os/os.h"
#include "allocator/slab/object.h"

namespace secure_alloc {
namespace {

// A quarter of the default vm.max_map_count (65530): two entries an object leave half
// of all to the program.
constexpr size_t kMaxGuardedRuns = 16000;

// Far below what the 32 bits for the bytes not asked for can say.
constexpr size_t kMaxRoom = kGiB;

// How a run lies among its neighbours.
enum class Edges : uint8_t { kNone, kGuarded, kUnguarded };  // the last: pages, but accessible

// Each large object's second page record keeps the bytes not asked for and the edges.
// Runs have two pages or more.
PageInfo& Extra(const Run& run) { return run.arena->info[run.first + 1]; }

void SetRequest(const Run& run, size_t request) {
  Extra(run).next = static_cast<uint32_t>(run.bytes() - request);
}
size_t Request(const Run& run) { return run.bytes() - Extra(run).next; }
void SetEdges(const Run& run, Edges edges) { Extra(run).order = static_cast<uint8_t>(edges); }
Edges EdgesOf(const Run& run) { return static_cast<Edges>(Extra(run).order); }

Run RunOf(const void* object) {
  Arena* const arena = space.OwnerOf(Address(object));
  SA_CHECK(arena != nullptr && arena->Covers(Address(object)));
  const Pages page = arena->PageOf(Address(object));
  SA_CHECK(arena->info[page].kind == PageKind::kLarge);
  return {arena, page, arena->info[page].next};
}

void SetChecks(const Run& run, size_t request) {
  SetCheckBytes(run.address(), run.bytes(), run.bytes() - request);
}

}  // namespace

size_t LargeStore::RequestedSize(const void* object) { return Request(RunOf(object)); }

void LargeStore::CheckIntact(const void* object, const void* caller) const {
  const Run run = RunOf(object);
  const size_t slack = run.bytes() - Request(run);
  if (!CheckBytesHold(run.address(), run.bytes(), slack)) Fault(FaultKind::kOverflow, caller);
}

bool LargeStore::FindWaiting(Pages pages, size_t alignment, Run* found) {
  for (unsigned i = 0; i + 1 < waiting_; ++i) {  // Never the newest.
    *found = queue_[i];
    if (found->count < pages || found->count > pages + pages / 4) continue;
    if ((Address(found->address()) & (alignment - 1)) != 0) continue;
    std::copy(queue_ + i + 1, queue_ + waiting_, queue_ + i);
    --waiting_;
    waiting_bytes_ -= found->bytes();
    return true;
  }
  return false;
}

bool LargeStore::TakeWaiting(Pages pages, size_t alignment, Run* run) {
  {
    MutexLock lock(mutex_);
    if (!FindWaiting(pages, alignment, run)) return false;
  }
  if (!IsZeroLong(run->address(), run->bytes())) Fault(FaultKind::kWriteAfterFree, nullptr);
  return true;
}

// Pages that were in use before may have been written to since they were freed. Ordinary
// ones went back to the kernel in between.
void LargeStore::CheckUntouched(const Run& run) const {
  if (run.arena->source->protection() != Protection::kPlain && !IsZeroLong(run.address(), run.bytes())) {
    Fault(FaultKind::kWriteAfterFree, nullptr);
  }
}

bool LargeStore::TakeFresh(Pages pages, size_t alignment, Run* run, int* error) {
  // The longest runs, few as they are, always stand alone.
  const bool may_guard = guarded_runs_.fetch_add(1, std::memory_order_relaxed) < kMaxGuardedRuns ||
                         !plain_pages_.FitsBare(pages, alignment);
  if (may_guard) {
    bool guarded;
    if (guarded_pages_.TryTakeGuarded(pages, alignment, run, &guarded, error)) {
      if (!guarded) guarded_runs_.fetch_sub(1, std::memory_order_relaxed);
      SetEdges(*run, guarded ? Edges::kGuarded : Edges::kUnguarded);
      return true;
    }
  }
  guarded_runs_.fetch_sub(1, std::memory_order_relaxed);
  // Where both are one, refusing the guarded object was about memory.
  if (&plain_pages_ == &guarded_pages_ && may_guard) return false;
  if (!plain_pages_.TryTakeBare(pages, alignment, run, error)) return false;
  SetEdges(*run, Edges::kNone);
  return true;
}

void* LargeStore::Allocate(size_t request, size_t alignment, size_t room, int* error) {
  room = std::min(room, kMaxRoom);
  if (request > PTRDIFF_MAX - room - kPageSize) {
    *error = ENOMEM;
    return nullptr;
  }
  const size_t wanted = (request + room + kPageSize) >> kPageShift;  // With room for a check byte.
  if (wanted > UINT32_MAX / 2) {
    *error = ENOMEM;
    return nullptr;
  }
  const Pages pages = std::max<Pages>(static_cast<Pages>(wanted), 2);
  Run run;
  if (!TakeWaiting(pages, alignment, &run)) {
    if (!TakeFresh(pages, alignment, &run, error)) return nullptr;
    CheckUntouched(run);
  }
  SetRequest(run, request);
  SetChecks(run, request);
  uint8_t* const shadow = space.ShadowOf(run.address());
  SA_CHECK((LoadShadow(shadow) & kLive) == 0);
  StoreShadow(shadow, static_cast<uint8_t>(kLive | bin_));
  live_bytes_.fetch_add(run.bytes(), std::memory_order_relaxed);
  return run.address();
}

bool LargeStore::TryResize(void* object, size_t request, const void* caller) {
  CheckIntact(object, caller);
  const Run run = RunOf(object);
  const size_t old = Request(run);
  if (request >= run.bytes() || request < run.bytes() / 2) return false;
  if (run.bytes() - request > UINT32_MAX) return false;
  char* const bytes = run.address();
  bytes[old] = 0;
  bytes[run.bytes() - 1] = 0;
  if (request < old) WipeBytes(bytes + request, old - request);
  SetRequest(run, request);
  SetChecks(run, request);
  return true;
}

void LargeStore::Free(void* object, const void* caller) {
  CheckIntact(object, caller);
  const Run run = RunOf(object);
  // Of two simultaneous frees one sees the other here; a run is worth an exchange.
  uint8_t* const shadow = space.ShadowOf(object);
  const uint8_t was = __atomic_exchange_n(shadow, static_cast<uint8_t>(bin_), __ATOMIC_RELAXED);
  if ((was & kLive) == 0) Fault(FaultKind::kDoubleFree, caller);
  live_bytes_.fetch_sub(run.bytes(), std::memory_order_relaxed);
  const bool secret = run.arena->source->protection() != Protection::kPlain;
  if (run.arena->whole || run.bytes() > queued_limit() / 2) {
    // Sparse pages are dropped; what else goes back must be zero, and wiped if secret.
    if (secret) WipeLong(object, run.bytes());
    GiveBack(run);
    return;
  }
  WipeBytes(run.address(), Request(run) + 1);
  run.address()[run.bytes() - 1] = 0;
  MutexLock lock(mutex_);
  while (waiting_ == kQueue || (waiting_ > 0 && waiting_bytes_ + run.bytes() > queued_limit())) {
    DropOldest();
  }
  queue_[waiting_++] = run;
  waiting_bytes_ += run.bytes();
}

void LargeStore::DropOldest() {
  const Run oldest = queue_[0];
  std::copy(queue_ + 1, queue_ + waiting_, queue_);
  --waiting_;
  waiting_bytes_ -= oldest.bytes();
  GiveBack(oldest);
}

void LargeStore::GiveBack(const Run& run) {
  StoreShadow(space.ShadowOf(run.address()), 0);
  switch (EdgesOf(run)) {
    case Edges::kNone:
      // Ordinary pages go back to the kernel, which gives zero ones for them.
      if (run.arena->source->protection() == Protection::kPlain) {
        SA_CHECK(os::Discard(run.address(), run.bytes()) == 0);
      }
      return plain_pages_.Give(run);
    case Edges::kGuarded:
      guarded_runs_.fetch_sub(1, std::memory_order_relaxed);
      return guarded_pages_.GiveGuarded(run, true);
    case Edges::kUnguarded:
      return guarded_pages_.GiveGuarded(run, false);
  }
}

void LargeStore::Trim() {
  MutexLock lock(mutex_);
  while (waiting_ > 0) DropOldest();
}

void LargeStore::Forget() {
  waiting_ = 0;
  waiting_bytes_ = 0;
  live_bytes_.store(0, std::memory_order_relaxed);
  guarded_runs_.store(0, std::memory_order_relaxed);
}

}  // namespace secure_alloc
