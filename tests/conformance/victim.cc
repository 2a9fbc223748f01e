#include "tests/conformance/victim.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace secure_alloc::conformance {
namespace {

struct Where {
  char* data;
  int file;
};

[[noreturn]] void Hold(const Where& where, Victim::Then then, const char* folder, int out) {
  if (write(out, &where, sizeof where) != sizeof where) _exit(1);
  close(out);
  if (then == Victim::Then::kStopTraced) {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
  }
  if (then == Victim::Then::kAbort) {
    const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
    if (setrlimit(RLIMIT_CORE, &all) != 0 || chdir(folder) != 0) _exit(1);
    abort();
  }
  for (;;) pause();
}

}  // namespace

Victim::Victim(Kind kind, Then then, const char* folder) {
  int ends[2];
  pid_ = pipe(ends) == 0 ? fork() : -1;
  if (pid_ < 0) return;
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(ends[0]);
    const Area area = MakeArea(kind);
    Hold({area.data, area.file}, then, folder, ends[1]);
  }
  close(ends[1]);
  Where where{};
  if (read(ends[0], &where, sizeof where) == sizeof where) {
    data_ = where.data;
    file_ = where.file;
  }
  close(ends[0]);
}

Victim::~Victim() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

bool Victim::Wait() { return waitpid(pid_, nullptr, WUNTRACED) == pid_; }

}  // namespace secure_alloc::conformance
