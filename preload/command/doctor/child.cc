#include "preload/command/doctor/child.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "preload/command/common/file_io.h"

namespace secure_alloc {

ProbeChild::ProbeChild() {
  if (pipe2(ends_, O_CLOEXEC) != 0) return;
  pid_ = fork();
}

ProbeChild::~ProbeChild() {
  for (const int end : ends_) {
    if (end >= 0) close(end);
  }
}

void ProbeChild::Tell(const Answer& answer) {
  const bool told = write(ends_[1], &answer, sizeof answer) == sizeof answer;
  _exit(told ? 0 : 1);
}

bool ProbeChild::Wait(Answer* answer, int* signal) {
  *signal = 0;
  if (pid_ < 0) return false;
  close(ends_[1]);
  ends_[1] = -1;
  const bool answered = ReadFully(ends_[0], answer, sizeof *answer) == sizeof *answer;
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  *signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return answered;
}

}  // namespace secure_alloc
