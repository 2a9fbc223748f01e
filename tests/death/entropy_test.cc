// How well an attacker can foretell where memory is, measured.
//
//   entropy_test            all facts, with the figures
//   entropy_test bases      prints where things are in a new process
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <vector>

#include "include/secure_alloc/secure_alloc.h"
#include "tests/limits/support.h"

namespace secure_alloc::test {
namespace {

using Allocate = void* (*)(size_t);

struct Home {
  const char* name;
  Allocate allocate;
  size_t stride;  // objects in a row
};
constexpr Home kHomes[] = {{"public", malloc, 64}, {"secret", secalloc_malloc, 1}};

uintptr_t Place(const void* object) { return reinterpret_cast<uintptr_t>(object); }

// --- Places in one process ---------------------------------------------------------------

using Counts = std::map<long, long>;

double Total(const Counts& counts) {
  double total = 0;
  for (const auto& [value, count] : counts) total += static_cast<double>(count);
  return total;
}

double ShannonBits(const Counts& counts) {
  double bits = 0;
  for (const auto& [value, count] : counts) {
    const double p = static_cast<double>(count) / Total(counts);
    bits -= p * log2(p);
  }
  return bits;
}

// What the best guess is worth.
double MinBits(const Counts& counts) {
  long most = 0;
  for (const auto& [value, count] : counts) most = std::max(most, count);
  return -log2(static_cast<double>(most) / Total(counts));
}

// Steps over `stride` objects of a run of allocations. Secrets lie at random one by one, ordinary
// objects in short rows, each at a random place.
void MeasureOrder(const Home& home) {
  Counts steps;
  std::vector<void*> objects;
  for (size_t i = 0; i < 20000; ++i) {
    objects.push_back(home.allocate(24));
    if (i < home.stride) continue;
    ++steps[static_cast<long>(Place(objects[i]) - Place(objects[i - home.stride]))];
  }
  for (void* object : objects) free(object);
  printf("       %s: step over %zu of 20000 objects: %.1f bits, best guess %.1f bits\n", home.name,
         home.stride, ShannonBits(steps), MinBits(steps));
  Fact(std::string("where a row begins can't be told from the last: ") + home.name,
       ShannonBits(steps) > 4 && MinBits(steps) > 3);
}

// After how many allocations a freed slot comes back.
void MeasureReuse(const Home& home, size_t size, double least_bits) {
  constexpr int kTrials = 2000, kMost = 400;
  Counts returns;
  for (int trial = 0; trial < kTrials; ++trial) {
    void* const freed = home.allocate(size);
    const uintptr_t place = Place(freed);
    free(freed);
    std::vector<void*> objects;
    long after = 0;
    do {
      objects.push_back(home.allocate(size));
      ++after;
    } while (Place(objects.back()) != place && after < kMost);
    ++returns[after];
    // In another order, or the cache would only turn round.
    while (!objects.empty()) {
      std::swap(objects[static_cast<size_t>(rand()) % objects.size()], objects.back());
      free(objects.back());
      objects.pop_back();
    }
  }
  const long next = returns.count(1) != 0 ? returns[1] : 0;
  printf("       %s, %zu bytes: return of a freed slot: %.1f bits, best guess %.1f bits, next "
         "%ld of %d times\n",
         home.name, size, ShannonBits(returns), MinBits(returns), next, kTrials);
  Fact("a freed slot is never next", next == 0);
  Fact("when it comes back can't be foretold", MinBits(returns) > least_bits);
}

// --- Places in many processes ------------------------------------------------------------

int PrintBases() {
  printf("%lx %lx %lx\n", static_cast<unsigned long>(Place(malloc(24))),
         static_cast<unsigned long>(Place(secalloc_malloc(24))),
         static_cast<unsigned long>(Place(malloc(1 << 20))));
  return 0;
}

// How many bits of the values take both states, each in at least an eighth of them.
int ChangingBits(const std::vector<uintptr_t>& values) {
  int changing = 0;
  for (int bit = 0; bit < 48; ++bit) {
    size_t ones = 0;
    for (const uintptr_t value : values) ones += value >> bit & 1;
    changing += ones > values.size() / 8 && ones < values.size() * 7 / 8;
  }
  return changing;
}

void MeasureBases() {
  constexpr int kProcesses = 128;
  std::vector<uintptr_t> places[3];
  for (int i = 0; i < kProcesses; ++i) {
    // What the program prints, read through the shell's own pipe.
    FILE* const output = popen((std::string(program_invocation_name) + " bases").c_str(), "re");
    unsigned long found[3];
    if (output != nullptr && fscanf(output, "%lx %lx %lx", &found[0], &found[1], &found[2]) == 3) {
      for (int each = 0; each < 3; ++each) places[each].push_back(found[each]);
    }
    if (output != nullptr) pclose(output);
  }
  const char* const names[] = {"an ordinary object", "a secret", "a large object"};
  for (int each = 0; each < 3; ++each) {
    std::vector<uintptr_t>& all = places[each];
    const int bits = ChangingBits(all);
    printf("       the address of %s in %zu processes: %d bits change\n", names[each], all.size(),
           bits);
    std::sort(all.begin(), all.end());
    // Of 18 bits two of so many are equal once in 32 runs; four pairs would be another matter.
    const auto distinct = std::unique(all.begin(), all.end()) - all.begin();
    Fact(std::string("processes don't have ") + names[each] + " at the same address",
         all.size() == kProcesses && distinct > kProcesses - 4);
    Fact("it can't be guessed from others", bits >= 18);
  }
}

int RunAll() {
  srand(static_cast<unsigned>(getpid()));
  printf("seed %d\n", getpid());
  for (const Home& home : kHomes) {
    MeasureOrder(home);
    MeasureReuse(home, 24, 1.5);
    // A thread keeps few large slots; of secrets there are two to choose among.
    MeasureReuse(home, 3000, home.allocate == secalloc_malloc ? 0.7 : 1.2);
  }
  MeasureBases();
  return Summary();
}

}  // namespace
}  // namespace secure_alloc::test

int main(int count, char**) {
  return count == 2 ? secure_alloc::test::PrintBases() : secure_alloc::test::RunAll();
}
