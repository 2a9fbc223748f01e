// fork_cost MIB RESERVED COUNT VARIANT: COUNT times fork, _exit in the child, and wait, with MIB of
// live objects: secret ones if the library is preloaded, else ordinary; and RESERVED MiB of secret
// memory reserved besides, but not in use. Prints for each fork lines of FIGURE, UNIT, VARIANT and
// VALUE: the time until the child is gone, and the CPU time of both.
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench/micro/secret_api.h"

namespace {

constexpr size_t kObjectSize = 4096;

double Microseconds(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return 1e6 * static_cast<double>(now.tv_sec) + 1e-3 * static_cast<double>(now.tv_nsec);
}

double Microseconds(const timeval& time) {
  return 1e6 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec);
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

bool Reserve(size_t bytes) {
  auto* reserve = secure_alloc::bench::FindSecretApi<int(void*, size_t)>("secalloc_reserve");
  return bytes == 0 || reserve == nullptr || reserve(nullptr, bytes) == 0;
}

bool ForkOnce(const char* secrets, const char* variant) {
  const double wall_start = Microseconds(CLOCK_MONOTONIC);
  const double cpu_start = Microseconds(CLOCK_PROCESS_CPUTIME_ID);
  const pid_t child = fork();
  if (child == 0) _exit(0);
  int status = 0;
  rusage usage;
  if (child < 0 || wait4(child, &status, 0, &usage) != child || status != 0) return false;
  const double wall = Microseconds(CLOCK_MONOTONIC) - wall_start;
  const double cpu = Microseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_start +
                     Microseconds(usage.ru_utime) + Microseconds(usage.ru_stime);
  printf("%s, fork+_exit+wait\tus\t%s\t%.1f\n", secrets, variant, wall);
  printf("%s, CPU time of both\tus\t%s\t%.1f\n", secrets, variant, cpu);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: fork_cost MIB RESERVED COUNT VARIANT\n");
    return 2;
  }
  const size_t mib = strtoul(argv[1], nullptr, 10), reserved = strtoul(argv[2], nullptr, 10);
  if (!Fill(mib << 20) || !Reserve(reserved << 20)) {
    return perror("fork_cost: no memory; raise ulimit -l?"), 1;
  }
  char secrets[64];
  const int size = snprintf(secrets, sizeof secrets, "%zu MiB of secrets", mib);
  if (reserved > 0) {
    snprintf(secrets + size, sizeof secrets - size, ", %zu reserved", reserved);
  }
  for (long left = strtol(argv[3], nullptr, 10); left > 0; --left) {
    if (!ForkOnce(secrets, argv[4])) return perror("fork_cost: fork"), 1;
  }
  return 0;
}
