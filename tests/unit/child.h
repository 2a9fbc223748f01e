// What becomes of a child that a test makes.
#pragma once

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

namespace secure_alloc::test {

constexpr int kNoChild = 1000;

// Its exit status, or minus the signal that ended it. kNoChild: fork(2) gave none.
inline int EndOf(pid_t child) {
  if (child < 0) return kNoChild;
  int status = 0;
  while (waitpid(child, &status, 0) != child) {
    if (errno != EINTR) return kNoChild;  // An alarm may interrupt it.
  }
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
