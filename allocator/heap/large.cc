#include "allocator/heap/large.h"

#include <errno.h>

#include <algorithm>

#include "allocator/base/bytes.h"
#include "allocator/base/fault.h"
#include "allocator/os/os.h"
#include "allocator/pages/promoted.h"

namespace secure_alloc {
namespace {

// A quarter of the default vm.max_map_count (65530): two entries an object leave half
// of all to the program.
constexpr size_t kMaxGuardedRuns = 16000;

// Far below what the 32 bits for the bytes not asked for can say.
constexpr size_t kMaxRoom = kGiB;

}  // namespace

Pages LargeRequest::pages() const {
  const size_t most = std::min(room, kMaxRoom);
  if (size > PTRDIFF_MAX - most - os::PageSize()) return 0;
  const size_t bytes =
      at_end ? RoundUp(size, std::max(alignment, kGranule)) : size + most + 1;
  const size_t count = RoundUp(std::max<size_t>(bytes, 1), os::PageSize()) >> kPageShift;
  return count > UINT32_MAX / 2 ? 0 : static_cast<Pages>(count);
}

size_t LargeStore::RequestedSize(const void* object) { return ExtentOf(RunOf(object)).request(); }

void LargeStore::CheckIntact(const void* object, const void* caller) {
  const Run run = RunOf(object);
  if (AccessOf(run) == Access::kNone) return;
  const Extent extent = ExtentOf(run);
  const bool whole = extent.slack == 0 || CheckBytesHold(extent.object, extent.size, extent.slack);
  const size_t before = static_cast<size_t>(extent.object - run.address());
  if (!whole || !IsZeroLong(run.address(), before)) Fault(FaultKind::kOverflow, caller);
}

// Pages that were in use before may have been written to since they were freed. Ordinary
// ones went back to the kernel in between.
void LargeStore::CheckUntouched(const Run& run) const {
  if (run.arena->source->protection() != Protection::kPlain &&
      !IsZeroLong(run.address(), run.bytes())) {
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

void* LargeStore::Allocate(const LargeRequest& request, int* error) {
  const Pages pages = request.pages();
  if (pages == 0) {
    *error = ENOMEM;
    return nullptr;
  }
  // An object at the end begins in the first page.
  const size_t run_alignment = request.at_end ? kPageSize : request.alignment;
  Run run;
  const bool waited = TakeWaiting(pages, run_alignment, &run);
  if (!waited && !TakeGathered(pages, run_alignment, &run)) {
    if (!TakeFresh(pages, run_alignment, &run, error)) return nullptr;
    CheckUntouched(run);
  }
  SA_CHECK((LoadShadow(StateOf(run)) & kLive) == 0);
  size_t before = 0;
  if (request.at_end) {
    before = RoundDown(run.bytes() - request.size, std::max(request.alignment, kGranule));
  }
  SetExtent(run, before, request.size);
  char* const object = run.address() + before;
  SetLive(StateOf(run), mark_);
  live_bytes_.fetch_add(run.bytes(), std::memory_order_relaxed);
  if (!waited) GiveBackSurplus();
  return object;
}

bool LargeStore::TryResize(void* object, size_t request, const void* caller) {
  const Run run = RunOf(object);
  Open(run);
  CheckIntact(object, caller);
  const Extent extent = ExtentOf(run);
  if (!extent.IsAtFrontOf(run)) return false;  // It would no longer end at the guard.
  const size_t old = extent.request();
  if (request <= kMaxSlabRequest && old > kMaxSlabRequest) return false;
  if (request >= run.bytes() || request < run.bytes() / 2) return false;
  if (run.bytes() - request > UINT32_MAX) return false;
  const size_t slack = run.bytes() - request;
  ChangeSlack(extent.object, extent.size, extent.slack, slack,
              [&] { internal::InfoOf(run).slack = static_cast<uint32_t>(slack); });
  return true;
}

bool LargeStore::Free(void* object, const void* caller) {
  const Run run = RunOf(object);
  Open(run);
  CheckIntact(object, caller);
  // Of two simultaneous frees one sees the other here; a run is worth an exchange.
  const uint8_t freed = static_cast<uint8_t>(mark_);
  const uint8_t was = __atomic_exchange_n(StateOf(run), freed, __ATOMIC_RELAXED);
  if ((was & kLive) == 0) Fault(FaultKind::kDoubleFree, caller);
  live_bytes_.fetch_sub(run.bytes(), std::memory_order_relaxed);
  const bool secret = run.arena->source->protection() != Protection::kPlain;
  if (!Stays(run) && (run.arena->whole || IsTooLongToQueue(run))) {
    // Sparse pages are dropped; what else goes back must be zero, and wiped if secret.
    if (secret) WipeLong(run.address(), run.bytes());
    GiveBack(run);
    return false;
  }
  const Extent extent = ExtentOf(run);
  WipeWritten(extent.object, RoundUp(std::min(extent.size, extent.request() + 1), kGranule));
  run.address()[run.bytes() - 1] = 0;
  (void)MakeOrdinary(run.address(), run.bytes());  // If not now, when the run goes back.
  MutexLock lock(mutex_);
  if (Stays(run)) {
    Keep(run);
    return false;
  }
  Enqueue(run);
  return true;
}

void LargeStore::GiveBack(const Run& run) {
  ForgetSeams(run);
  StoreShadow(StateOf(run), 0);
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

void LargeStore::Forget() {
  waiting_ = 0;
  waiting_bytes_ = 0;
  kept_ = nullptr;
  closed_runs_ = 0;
  live_bytes_.store(0, std::memory_order_relaxed);
  guarded_runs_.store(0, std::memory_order_relaxed);
  seams_.store(0, std::memory_order_relaxed);
}

}  // namespace secure_alloc
