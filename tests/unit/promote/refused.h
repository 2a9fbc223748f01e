// What a child does to itself before it uses the library for the first time, and what a promotion
// that is refused must leave.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/promote/range.h"

namespace secure_alloc::test {

inline void Lower(__rlimit_resource resource, size_t value) {
  const struct rlimit limit = {value, value};
  if (setrlimit(resource, &limit) != 0) _exit(100);
}

inline void BecomeNobody() {
  if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0) _exit(101);
}

// `error` for a promotion of all of it, and nothing has changed; then a page can still be had.
inline int CheckRefused(const Range& range, int error, int advice = SECALLOC_MADV_SECRET) {
  const int got = range.Advise(advice);
  if (got != error) return got == 0 ? 1 : got;
  if (IsSecretToKernel(range.begin()) || IsSecretToKernel(range.begin() + range.bytes() - 1))
    return 2;
  if (!range.IsIntact() || Stats().promoted_bytes != 0) return 3;
  return 0;
}

}  // namespace secure_alloc::test
