// Eight threads, both domains, a budget that is often spent, forks, threads that end: nothing is
// lost, and at the end no secret arena stays.
//
//   stress_test [--seconds N]      SECALLOC_TEST_SEED=n repeats the threads' choices
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <memory>
#include <thread>
#include <vector>

#include "include/secure_alloc/secure_alloc.h"
#include "tests/stress/worker.h"

namespace secure_alloc::test {
namespace {

constexpr unsigned kThreads = 8;
constexpr int kGenerations = 4;  // Threads end and others take over their objects.

void RunGeneration(Cells& cells, Counts& counts, uint64_t seed, double seconds) {
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] { Worker(cells, counts, seed + t).Work(stop); });
  }
  usleep(static_cast<useconds_t>(seconds * 1e6));
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

bool Holds(bool fact, const char* sentence, unsigned long figure) {
  printf("%s %s: %lu\n", fact ? "ok    " : "FAILED", sentence, figure);
  return fact;
}

int Run(double seconds) {
  if (!entry::Start()) return 1;
  const uint64_t seed = Seed();
  const auto cells = std::make_unique<Cells>();
  Counts counts;
  for (int i = 0; i < kGenerations; ++i) {
    RunGeneration(*cells, counts, seed + kThreads * static_cast<uint64_t>(i), seconds / kGenerations);
  }
  for (Cell& cell : *cells) Clear(cell, counts);
  secalloc_trim();
  struct secalloc_stats stats;
  if (secalloc_stats(&stats) != 0) return 1;
  printf("%ld allocated, %ld resized, %ld refused, %ld forks, %ld forks refused\n",
         counts.allocated.load(), counts.resized.load(), counts.refused.load(), counts.forks.load(),
         counts.forks_refused.load());
  bool good = Holds(counts.failures == 0, "checks that failed", static_cast<unsigned long>(counts.failures));
  good &= Holds(counts.allocated == counts.freed, "objects freed",
                static_cast<unsigned long>(counts.freed));
  good &= Holds(counts.refused > 0, "refusals by the budget", static_cast<unsigned long>(counts.refused));
  good &= Holds(counts.forks > 0, "forks", static_cast<unsigned long>(counts.forks));
  good &= Holds(stats.high_water_bytes <= stats.budget_bytes, "most bytes charged", stats.high_water_bytes);
  good &= Holds(stats.arena_bytes == 0, "secret bytes that stayed", stats.arena_bytes);
  good &= Holds(stats.ordinary_bytes == 0, "ordinary bytes that stayed", stats.ordinary_bytes);
  return good ? 0 : 1;
}

}  // namespace
}  // namespace secure_alloc::test

int main(int count, char** arguments) {
  double seconds = 20;
  if (count == 3 && strcmp(arguments[1], "--seconds") == 0) {
    seconds = strtod(arguments[2], nullptr);
  } else if (count != 1) {
    fprintf(stderr, "usage: stress_test [--seconds N]\n");
    return 2;
  }
  setenv("SECALLOC_OPTIONS", "budget=12M,fallback=none", /*overwrite=*/0);
  return secure_alloc::test::Run(seconds);
}
