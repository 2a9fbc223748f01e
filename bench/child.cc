#include "bench/child.h"

#include <errno.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

namespace secure_alloc::bench {
namespace {

double SecondsNow() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

}  // namespace

int RunChild(char* const* arguments, char* const* environment, void (*started)(pid_t),
             ChildUsage* usage) {
  const double start = SecondsNow();
  pid_t child, ended;
  const int error = posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments, environment);
  if (error != 0) return errno = error, -1;
  started(child);
  int status = 0;
  rusage taken;
  do {
    ended = wait4(child, &status, 0, &taken);
  } while (ended < 0 && errno == EINTR);
  if (ended != child) return -1;
  *usage = {.wall_seconds = SecondsNow() - start,
            .cpu_seconds = Seconds(taken.ru_utime) + Seconds(taken.ru_stime),
            .peak_kib = taken.ru_maxrss,
            .page_faults = taken.ru_minflt + taken.ru_majflt};
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace secure_alloc::bench
