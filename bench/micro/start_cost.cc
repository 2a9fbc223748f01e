// start_cost COUNT LIBRARY PROGRAM: runs PROGRAM COUNT times as it is and COUNT times with LIBRARY
// preloaded, by turns. Prints for each run lines of FIGURE, UNIT, VARIANT (base or ours), VALUE.
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

double Milliseconds(const timeval& time) {
  return 1e3 * static_cast<double>(time.tv_sec) + 1e-3 * static_cast<double>(time.tv_usec);
}

double MillisecondsNow() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

bool RunOnce(char* program, char* const* environment, const char* variant) {
  char* const arguments[] = {program, nullptr};
  const double start = MillisecondsNow();
  pid_t child;
  int status = 0;
  rusage usage;
  if (posix_spawn(&child, program, nullptr, nullptr, arguments, environment) != 0) return false;
  if (wait4(child, &status, 0, &usage) != child || status != 0) return false;
  const double wall = MillisecondsNow() - start;
  const auto print = [&](const char* figure, const char* unit, double value) {
    printf("%s, %s\t%s\t%s\t%.3f\n", program, figure, unit, variant, value);
  };
  print("start to end", "ms", wall);
  print("user+system time", "ms", Milliseconds(usage.ru_utime) + Milliseconds(usage.ru_stime));
  print("page faults", "faults", static_cast<double>(usage.ru_minflt + usage.ru_majflt));
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: start_cost COUNT LIBRARY PROGRAM\n");
    return 2;
  }
  std::string path = "PATH=/usr/bin:/bin";
  std::string preload = std::string("LD_PRELOAD=") + argv[2];
  char* const base[] = {path.data(), nullptr};
  char* const ours[] = {path.data(), preload.data(), nullptr};
  for (long left = strtol(argv[1], nullptr, 10); left > 0; --left) {
    if (!RunOnce(argv[3], base, "base") || !RunOnce(argv[3], ours, "ours")) {
      fprintf(stderr, "start_cost: %s could not be run, or failed\n", argv[3]);
      return 1;
    }
  }
  return 0;
}
