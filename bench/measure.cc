// measure LIBRARY FILE PROGRAM [ARGUMENT...]: runs the program with LIBRARY preloaded (empty: none)
// and writes to FILE its seconds on the clock, its CPU seconds and its peak of resident memory in
// KiB. Ends as the program does, and passes SIGTERM on to it, so servers can be measured too.
//
// It is linked statically: until a new program is loaded the kernel counts the memory of the one
// that started it, so what starts it must be small.
#include <signal.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench/child.h"

namespace {

volatile pid_t child = 0;

void PassOn(int signal) {
  if (child > 0) kill(child, signal);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: measure LIBRARY FILE PROGRAM [ARGUMENT...]\n");
    return 2;
  }
  struct sigaction action = {};
  action.sa_handler = PassOn;
  sigaction(SIGTERM, &action, nullptr);
  if (argv[1][0] != 0) setenv("LD_PRELOAD", argv[1], 1);
  secure_alloc::bench::ChildUsage usage;
  const int status = RunChild(
      argv + 3, environ, [](pid_t started) { child = started; }, &usage);
  if (status < 0) {
    fprintf(stderr, "measure: %s: %s\n", argv[3], strerror(errno));
    return 127;
  }
  FILE* const file = fopen(argv[2], "w");
  if (file == nullptr ||
      fprintf(file, "%.6f %.6f %ld\n", usage.wall_seconds, usage.cpu_seconds, usage.peak_kib) < 0 ||
      fclose(file) != 0) {
    fprintf(stderr, "measure: %s: %s\n", argv[2], strerror(errno));
    return 127;
  }
  return status;
}
