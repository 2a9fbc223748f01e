// Runs a question to the kernel in a child: a sandbox may answer it by a signal, and what was
// mapped, limited or sealed for it ends with the child.
#pragma once

#include <errno.h>
#include <sys/types.h>
#include <unistd.h>

namespace secure_alloc {

// What the child says. `step`: what the question's own code means by it.
struct Answer {
  int step = 0;
  int error = 0;
};

// The two ends of a child that was forked: read its answer, reap it.
class ProbeChild {
 public:
  ProbeChild();
  ~ProbeChild();
  ProbeChild(const ProbeChild&) = delete;
  ProbeChild& operator=(const ProbeChild&) = delete;

  bool InChild() const { return pid_ == 0; }
  [[noreturn]] void Tell(const Answer& answer);
  // False, with the signal if there was one, when the child gave no answer.
  bool Wait(Answer* answer, int* signal);

 private:
  int ends_[2] = {-1, -1};
  pid_t pid_ = -1;
};

template <typename F>
bool AskInChild(F&& question, Answer* answer, int* signal) {
  ProbeChild child;
  if (child.InChild()) child.Tell(question());
  return child.Wait(answer, signal);
}

}  // namespace secure_alloc
