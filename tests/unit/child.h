// What becomes of a child that a test makes.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

namespace secure_alloc::test {

constexpr int kNoChild = 1000;

// Its exit status, or minus the signal that ended it. kNoChild: fork(2) gave none.
inline int EndOf(pid_t child) {
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return kNoChild;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// ... of one that runs `body`, which returns its exit status.
template <typename Body>
int InChild(pid_t (*make)(), Body body) {
  const pid_t child = make();
  if (child == 0) _exit(body());
  return EndOf(child);
}

template <typename Body>
int InChild(Body body) {
  return InChild(&fork, body);
}

}  // namespace secure_alloc::test
