#include "preload/command/common/memlock.h"

#include <sys/resource.h>

namespace secure_alloc {

bool RaiseMemlock() {
  rlimit limit;
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return false;
  if (limit.rlim_cur == limit.rlim_max) return true;
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(RLIMIT_MEMLOCK, &limit) == 0;
}

}  // namespace secure_alloc
