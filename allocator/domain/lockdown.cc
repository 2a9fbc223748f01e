#include "allocator/domain/lockdown.h"

#include <errno.h>

#include <atomic>

#include "allocator/base/text.h"
#include "allocator/domain/created_domain.h"
#include "allocator/domain/default_budget.h"
#include "allocator/domain/notice.h"
#include "allocator/os/lockdown.h"

namespace secure_alloc {
namespace {

constinit std::atomic<unsigned> in_force{0};

void AddInForce(unsigned flags) { in_force.fetch_or(flags, std::memory_order_release); }

// In all domains or, after an error, in some. Meanwhile no object of any is closed.
int SealArenas() SA_NO_THREAD_SAFETY {
  MutexLock lock(SecretDomains::mutex());
  int error = 0;
  SecretDomains::ForEach([&error](Domain& domain) SA_NO_THREAD_SAFETY {
    domain.heap().large().mutex().Lock();
    if (domain.heap().large().any_closed()) error = EBUSY;
  });
  if (error == 0) AddInForce(kLockMaps);
  SecretDomains::ForEach([&error](Domain& domain) {
    if (error == 0) error = domain.heap().pages().SealArenas();
  });
  SecretDomains::ForEach(
      [](Domain& domain) SA_NO_THREAD_SAFETY { domain.heap().large().mutex().Unlock(); });
  return error;
}

void SealGrowth() {
  SettleBudget();
  MutexLock lock(SecretDomains::mutex());
  AddInForce(kLockGrowth);
  // A sandbox that refuses to make arenas may kill for write(2), too.
  SilenceNotices();
  SecretDomains::ForEach([](Domain& domain) { domain.heap().pages().SealGrowth(); });
}

}  // namespace

unsigned LockedDown() { return in_force.load(std::memory_order_acquire); }

int LockDown(unsigned flags) {
  if ((flags & kLockMaps) != 0 && !os::CanSeal()) return EOPNOTSUPP;
  const unsigned filters = flags & (kLockCalls | kLockAllButWork);
  if (filters != 0 && !os::CanFilter()) return EOPNOTSUPP;
  if ((flags & kLockMaps) != 0) {
    if (const int error = SealArenas(); error != 0) return error;
  }
  if ((flags & kLockGrowth) != 0) SealGrowth();
  // Last, as they refuse calls that the others make.
  if (filters != 0) {
    os::MakeUndumpable();
    if (const int error = os::RefuseIntrospection(); error != 0) return ENOMEM;
    AddInForce(kLockCalls);
  }
  if ((flags & kLockAllButWork) != 0) {
    if (const int error = os::RefuseAllButWork(); error != 0) return ENOMEM;
    AddInForce(kLockAllButWork);
  }
  return 0;
}

void LockDownByOption() {
  struct Step {
    unsigned flag;
    const char* missing;
  };
  constexpr Step kSteps[] = {
      {kLockMaps, "arenas are not sealed: this kernel has no mseal(2); use Linux 6.10 or later"},
      {kLockCalls, "no system call is refused: seccomp(2) filters can't be had here"},
  };
  for (const Step& step : kSteps) {
    if (LockDown(step.flag) == 0) continue;
    Line line;
    line << "secure_alloc: lockdown: " << step.missing;
    line.WriteStderr();
  }
}

}  // namespace secure_alloc
