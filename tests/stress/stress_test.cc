// Eight threads, both domains, forks, promotion, threads that end, a budget that is often spent and
// limits that are now and then: contents are what they must be, nothing is lost, and at the end the
// pages in use are those of the live objects.
//
//   stress_test [--seconds N]      two minutes by default, or STRESS_SECONDS;
//                                  SECALLOC_TEST_SEED=n repeats the threads' choices
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "include/secure_alloc/secure_alloc.h"
#include "tests/stress/footprint.h"
#include "tests/stress/limits.h"
#include "tests/stress/worker.h"

namespace secure_alloc::test {
namespace {

constexpr unsigned kThreads = 8;
constexpr int kGenerations = 4;  // Threads end and others take over their objects.
constexpr int kMostGenerations = 40;  // On a machine so busy that something was not seen.

void RunGeneration(Cells& cells, Counts& counts, Limits& limits, uint64_t seed, double seconds) {
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] { Worker(cells, counts, seed + t).Work(stop); });
  }
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  while (Clock::now() < end) {
    usleep(20000);
    limits.Change();
  }
  limits.Restore();
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

bool Holds(bool fact, const char* sentence, unsigned long figure) {
  printf("%s %s: %lu\n", fact ? "ok    " : "FAILED", sentence, figure);
  return fact;
}

struct secalloc_stats Trimmed() {
  secalloc_trim();
  struct secalloc_stats stats;
  if (secalloc_stats(&stats) != 0) abort();
  return stats;
}

bool Equal(const char* sentence, uint64_t is, uint64_t must_be) {
  printf("%s %s: %lu, %lu\n", is == must_be ? "ok    " : "FAILED", sentence, is, must_be);
  return is == must_be;
}

// Most objects go, in no order; the rest must be all that there is.
bool KeepSome(Cells& cells, Counts& counts) {
  Footprint live;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i % 20 != 0) Clear(cells[i], counts);
  }
  const struct secalloc_stats stats = Trimmed();
  for (Cell& cell : cells) {
    if (cell.object.bytes != nullptr) live.Add(cell.object.bytes);
  }
  bool good = Equal("secret bytes in use, and of the live objects' pages",
                    stats.secret_used_bytes + stats.locked_used_bytes, live.secret_bytes());
  good &= Equal("bytes of secret arenas, and of those with live objects",
                stats.secret_bytes + stats.locked_bytes, live.secret_file_bytes());
  return good & Equal("ordinary bytes in use, and of the live objects' pages",
                      stats.ordinary_bytes, live.ordinary_bytes());
}

int Run(double seconds) {
  if (!entry::Start()) return 1;
  const uint64_t seed = Seed();
  const auto cells = std::make_unique<Cells>();
  Counts counts;
  Limits limits(seed);
  const auto seen_all = [&] {
    return counts.refused > 0 && counts.forks > 0 && counts.converted > 0;
  };
  for (int i = 0; i < kGenerations || (!seen_all() && i < kMostGenerations); ++i) {
    RunGeneration(*cells, counts, limits, seed + kThreads * static_cast<uint64_t>(i),
                  seconds / kGenerations);
  }
  bool good = KeepSome(*cells, counts);
  for (Cell& cell : *cells) Clear(cell, counts);
  const struct secalloc_stats stats = Trimmed();
  printf("%ld allocated, %ld resized, %ld refused; %ld forks, %ld refused; %ld conversions, %ld "
         "refused; %ld limits spent\n",
         counts.allocated.load(), counts.resized.load(), counts.refused.load(), counts.forks.load(),
         counts.forks_refused.load(), counts.converted.load(), counts.conversions_refused.load(),
         limits.changes());
  good &= Equal("checks that failed", static_cast<uint64_t>(counts.failures), 0);
  good &= Equal("objects allocated, and freed", static_cast<uint64_t>(counts.allocated),
                static_cast<uint64_t>(counts.freed));
  good &= Holds(counts.refused > 0, "refusals", static_cast<unsigned long>(counts.refused));
  good &= Holds(counts.forks > 0, "forks", static_cast<unsigned long>(counts.forks));
  good &= Holds(counts.converted > 0, "conversions", static_cast<unsigned long>(counts.converted));
  good &= Holds(stats.high_water_bytes <= stats.budget_bytes, "most bytes charged",
                stats.high_water_bytes);
  good &= Equal("secret bytes that stayed", stats.arena_bytes, 0);
  return good & Equal("ordinary bytes that stayed", stats.ordinary_bytes, 0) ? 0 : 1;
}

}  // namespace
}  // namespace secure_alloc::test

int main(int count, char** arguments) {
  const char* const asked = getenv("STRESS_SECONDS");
  double seconds = asked != nullptr ? strtod(asked, nullptr) : 120;
  if (count == 3 && strcmp(arguments[1], "--seconds") == 0) {
    seconds = strtod(arguments[2], nullptr);
  } else if (count != 1) {
    fprintf(stderr, "usage: stress_test [--seconds N]\n");
    return 2;
  }
  setenv("SECALLOC_OPTIONS", "budget=40M,fallback=none", /*overwrite=*/0);
  return secure_alloc::test::Run(seconds);
}
