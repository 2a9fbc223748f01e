// fork_cost MIB COUNT VARIANT: COUNT times fork, _exit in the child, and wait, with MIB of live
// objects: secret ones if the library is preloaded, else ordinary. Prints for each fork a line of
// FIGURE, UNIT, VARIANT and VALUE: the time until the child is gone.
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench/micro/secret_api.h"

namespace {

constexpr size_t kObjectSize = 4096;

double Microseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return 1e6 * static_cast<double>(now.tv_sec) + 1e-3 * static_cast<double>(now.tv_nsec);
}

bool Fill(size_t bytes) {
  auto* allocate = secure_alloc::bench::FindSecretApi<void*(size_t)>("secalloc_malloc");
  if (allocate == nullptr) allocate = malloc;
  for (size_t done = 0; done < bytes; done += kObjectSize) {
    void* object = allocate(kObjectSize);
    if (object == nullptr) return false;
    memset(object, 1, kObjectSize);
  }
  return true;
}

bool ForkOnce() {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: fork_cost MIB COUNT VARIANT\n");
    return 2;
  }
  const size_t mib = strtoul(argv[1], nullptr, 10);
  if (!Fill(mib << 20)) return perror("fork_cost: no memory; raise ulimit -l?"), 1;
  for (long left = strtol(argv[2], nullptr, 10); left > 0; --left) {
    const double start = Microseconds();
    if (!ForkOnce()) return perror("fork_cost: fork"), 1;
    printf("fork+_exit+wait, %zu MiB of secrets\tus\t%s\t%.1f\n", mib, argv[3],
           Microseconds() - start);
  }
  return 0;
}
