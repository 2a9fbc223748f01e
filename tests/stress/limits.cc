#include "tests/stress/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <iterator>

namespace secure_alloc::test {
namespace {

// Of address space, in bytes.
rlim_t InUse() {
  FILE* const file = fopen("/proc/self/statm", "re");
  unsigned long pages = 0;
  if (file == nullptr || fscanf(file, "%lu", &pages) != 1) abort();
  fclose(file);
  return pages * static_cast<unsigned long>(getpagesize());
}

}  // namespace

Limits::Limits(uint64_t seed) : random_(seed) {
  for (size_t i = 0; i < std::size(kKinds); ++i) {
    if (getrlimit(kKinds[i], &saved_[i]) != 0) abort();
  }
}

void Limits::Restore() const {
  for (size_t i = 0; i < std::size(kKinds); ++i) {
    if (setrlimit(kKinds[i], &saved_[i]) != 0) abort();
  }
}

void Limits::Change() {
  Restore();
  const size_t kind = random_() % (3 * std::size(kKinds));
  if (kind >= std::size(kKinds)) return;
  struct rlimit limit = saved_[kind];
  // 3: no descriptor beside the standard ones; 1: no process or thread.
  limit.rlim_cur = kKinds[kind] == RLIMIT_NOFILE ? 3 : kKinds[kind] == RLIMIT_AS ? InUse() : 1;
  if (setrlimit(kKinds[kind], &limit) != 0) abort();
  ++changes_;
}

}  // namespace secure_alloc::test
