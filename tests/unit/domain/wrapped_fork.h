// fork(2) as the preload library wraps it.
#pragma once

#include <unistd.h>

#include "allocator/domain/fork.h"

namespace secure_alloc::test {

// As fork(2); -1 too if a copy of the secrets can't be made.
inline pid_t Fork() {
  if (BeginFork() != 0) return -1;
  const pid_t child = fork();
  EndFork();
  return child;
}

}  // namespace secure_alloc::test
