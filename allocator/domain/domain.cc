#include "allocator/domain/domain.h"

#include <algorithm>
#include <cstring>

#include "allocator/base/bits.h"
#include "allocator/base/probe.h"
#include "allocator/domain/default_budget.h"
#include "allocator/domain/notice.h"
#include "allocator/heap/standard_heaps.h"
#include "allocator/os/keys.h"
#include "allocator/os/os.h"
#include "allocator/pages/sources.h"
#include "allocator/pages/space.h"

namespace secure_alloc {
namespace {

// Of the budget, what freed large secrets may hold until they are reused.
constexpr size_t kQueueShare = 8;
constexpr size_t kMinQueue = 256 * kKiB;
constexpr size_t kMaxQueue = 8 * kMiB;

// Has no policy, and so nothing to tell.
constinit DomainRecord public_record = {};

// What no policy could help with: the caller's affair, not the operator's.
bool IsImpossible(size_t request, size_t alignment) {
  if (request > space.size() || alignment > space.size()) return true;
  // As the kernel's heuristic, which our reservation evades, would: an obvious overcommit.
  return request > kGiB && request > os::MachineMemory();
}

}  // namespace

size_t QueuedLimitFor(size_t budget) {
  return std::clamp(budget / kQueueShare, kMinQueue, kMaxQueue);
}

constinit Domain public_domain("public", ordinary_heap, public_record);
constinit Domain secret_domain("secret", secret_heap, process_record.domains[0]);

void* Domain::Allocate(size_t request, size_t alignment) {
  if (IsImpossible(request, alignment)) return nullptr;
  int error = 0;
  if (request == 0) {
    Heap& heap = heap_.first_bin() == kDomainBins ? secret_heap : heap_;
    return heap.AllocateZeroSize(alignment, &error);
  }
  if (for_secrets_) SettleBudget();
  const os::KeyOpened opened(key());
  void* object = heap_.AllocateAligned(request, alignment, &error);
  if (object == nullptr) {
    // What waits for reuse, in other sizes, may make room. Of ordinary memory that is large runs.
    for_secrets_ ? heap_.Trim() : heap_.TrimLarge();
    object = heap_.AllocateAligned(request, alignment, &error);
  }
  if (object == nullptr) return AllocateFallback(request, alignment, error);
  TellFallbacks();
  return object;
}

void* Domain::AllocateOwnPages(size_t request, size_t alignment, bool at_end) {
  if (IsImpossible(request, alignment)) return nullptr;
  if (for_secrets_) SettleBudget();
  const os::KeyOpened opened(key());
  int error = 0;
  void* const object = heap_.AllocateOwnPages(request, alignment, at_end, &error);
  if (object == nullptr) return Refuse(request, error);
  TellFallbacks();
  return object;
}

void Domain::TellFallbacks() {
  const size_t fallbacks = heap_.pages().usage().fallback_arenas.get();
  if (fallbacks != told_fallbacks_.load(std::memory_order_relaxed)) [[unlikely]] {
    told_fallbacks_.store(fallbacks, std::memory_order_relaxed);
    NoticeLocked(heap_.pages().fallback_error());
  }
}

void* Domain::AllocateResized(size_t old_size, size_t request) {
  // Pages of the secret domain are charged and faulted in, used or not.
  if (this != &public_domain || request <= kMaxSlabRequest || IsImpossible(request, 1))
    return nullptr;
  int error;
  return heap_.large().Allocate(LargeRequest::Resized(old_size, request), &error);
}

int Domain::ReserveObjects(size_t request, size_t count) {
  SettleBudget();
  const os::KeyOpened opened(key());
  const int error = heap_.Reserve(request, count);
  if (error == 0) TellFallbacks();
  return error;
}

int Domain::ReservePages(size_t pages) {
  SettleBudget();
  const os::KeyOpened opened(key());
  const int error = heap_.pages().Reserve(pages);
  if (error == 0) TellFallbacks();
  return error;
}

void* Domain::AllocateFallback(size_t request, size_t alignment, int error) {
  // The public domain has no policy, nor has the secret one before start-up is over.
  if (!for_secrets_) return nullptr;
  if (fallback_ == Fallback::kPlain) {
    record_.degraded_objects.AddShared(1);
    probe::AllocationDegraded(request, error);
    NoticePlain(error);
    return public_domain.Allocate(request, alignment);
  }
  return Refuse(request, error);
}

void* Domain::Refuse(size_t request, int error) {
  record_.refused_objects.AddShared(1);
  probe::AllocationRefused(request, error);
  NoticeRefused(error);
  return nullptr;
}

void Domain::SetPolicy(Fallback fallback, ForkPolicy fork) {
  const Source* const ladder[2] = {
      fork == ForkPolicy::kShare ? &shared_secret_source : &secret_source,
      fork == ForkPolicy::kCopy ? static_cast<const Source*>(&locked_source)
                                : &private_locked_source};
  heap_.pages().SetLadder(ladder, fallback == Fallback::kNone ? 1 : 2);
  fallback_ = fallback;
  fork_ = fork;
  for_secrets_ = true;
}

void OpenRecord(DomainRecord& record, const char* name) {
  std::strncpy(record.name, name, sizeof record.name - 1);
  record.exists.Set(1);
}

void ConfigureSecretDomain(const Options& options) {
  if (options.budget != 0) {
    secret_budget.SetLimit(options.budget);
    secret_heap.large().SetQueuedLimit(QueuedLimitFor(options.budget));
  }
  ShareNotices();
  OpenRecord(process_record.domains[0], secret_domain.name());
  secret_domain.SetPolicy(options.fallback, options.fork);
}

}  // namespace secure_alloc
