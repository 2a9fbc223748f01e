// The part of the store of large objects in which reserved runs are kept.
#include <errno.h>

#include "allocator/heap/large.h"

namespace secure_alloc {

// A run that waits for an object is listed in its own record.
struct LargeStore::KeptRun {
  Run run;
  KeptRun* next;
};

void LargeStore::Keep(const Run& run) {
  KeptRun* const kept = static_cast<KeptRun*>(run.arena->RecordOf(run.first));
  *kept = {run, kept_};
  kept_ = kept;
}

bool LargeStore::TakeKept(Pages pages, size_t alignment, Run* run) {
  for (KeptRun** link = &kept_; *link != nullptr; link = &(*link)->next) {
    const Run& kept = (*link)->run;
    if (kept.count != pages || (Address(kept.address()) & (alignment - 1)) != 0) continue;
    *run = kept;
    *link = (*link)->next;
    return true;
  }
  return false;
}

int LargeStore::Reserve(const LargeRequest& request, size_t count) {
  const Pages pages = request.pages();
  if (pages == 0) return ENOMEM;
  KeptRun* made = nullptr;
  for (; count > 0; --count) {
    Run run;
    int error;
    if (!TakeFresh(pages, request.at_end ? kPageSize : request.alignment, &run, &error)) {
      for (KeptRun* next; made != nullptr; made = next) {
        next = made->next;
        GiveBack(made->run);
      }
      guarded_pages_.Trim();
      return error;
    }
    MarkReserved(run);
    space.FaultInShadow(run.address(), kPageSize);
    KeptRun* const kept = static_cast<KeptRun*>(run.arena->RecordOf(run.first));
    *kept = {run, made};
    made = kept;
  }
  MutexLock lock(mutex_);
  for (KeptRun* next; made != nullptr; made = next) {
    next = made->next;
    Keep(made->run);
  }
  return 0;
}

}  // namespace secure_alloc
