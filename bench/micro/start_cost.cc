// start_cost COUNT LIBRARY PROGRAM: runs PROGRAM COUNT times as it is and COUNT times with LIBRARY
// preloaded, by turns. Prints for each run lines of FIGURE, UNIT, VARIANT (base or ours), VALUE.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench/child.h"

namespace {

bool RunOnce(char* program, char* const* environment, const char* variant) {
  char* const arguments[] = {program, nullptr};
  secure_alloc::bench::ChildUsage usage;
  if (RunChild(
          arguments, environment, [](pid_t) {}, &usage) != 0)
    return false;
  const auto print = [&](const char* figure, const char* unit, double value) {
    printf("%s, %s\t%s\t%s\t%.3f\n", program, figure, unit, variant, value);
  };
  print("start to end", "ms", 1e3 * usage.wall_seconds);
  print("user+system time", "ms", 1e3 * usage.cpu_seconds);
  print("page faults", "faults", static_cast<double>(usage.page_faults));
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
