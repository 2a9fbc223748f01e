// The C API of faults and of locking down; contracts are in the public header.
#include <errno.h>

#include "allocator/api/redirect.h"
#include "allocator/api/result.h"
#include "allocator/base/fault.h"
#include "allocator/domain/lockdown.h"
#include "allocator/entry/entry.h"

using namespace secure_alloc;

namespace {

static_assert(SECALLOC_LOCKDOWN_MAPS == kLockMaps && SECALLOC_LOCKDOWN_GROWTH == kLockGrowth &&
              SECALLOC_LOCKDOWN_CALLS == kLockCalls &&
              SECALLOC_LOCKDOWN_ONLY_WORK == kLockAllButWork);

}  // namespace

SA_EXPORT int secalloc_set_fault_handler(secalloc_fault_handler handler, void* context) {
  SA_REDIRECT(set_fault_handler, handler, context);
  if (LockedDown() != 0) return Result(EPERM);
  SetFaultHandler(handler, context);
  return 0;
}

SA_EXPORT int secalloc_lockdown(unsigned flags) {
  SA_REDIRECT(lockdown, flags);
  if (flags == 0 || (flags & ~kAllLocks) != 0) return Result(EINVAL);
  if (!entry::Start()) return Result(ENOMEM);
  return Result(LockDown(flags));
}
