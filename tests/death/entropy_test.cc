// How well an attacker can foretell where memory is, measured; and what never lies together.
//
//   entropy_test            all facts, with the figures
//   entropy_test bases      prints where things are in a new process
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

// --- Entropy ---------------------------------------------------------------------------

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

// --- Bases -------------------------------------------------------------------------------

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

// --- What never lies together --------------------------------------------------------------

// The slot for a size, as the public header tells it.
size_t SlotOf(size_t size) {
  const size_t needed = size + 1;
  if (needed <= 32) return 32;
  if (needed <= 128) return (needed + 15) / 16 * 16;
  size_t power = 128;
  while (power * 2 < needed) power *= 2;
  const size_t quarter = power / 4;
  return power + (needed - power + quarter - 1) / quarter * quarter;
}

// A page's class and home, as long as anything of it lives.
void CheckPagesAreOfOneClass() {
  struct Page {
    size_t slot = 0;
    Allocate home = nullptr;
    long live = 0;
  };
  struct Object {
    void* place;
    size_t size;
    Allocate home;
  };
  std::map<uintptr_t, Page> pages;
  std::vector<Object> objects;
  long mixed = 0, reused = 0;
  std::map<uintptr_t, size_t> last_slot;
  const auto each_page = [&](const Object& object, auto use) {
    const uintptr_t end = Place(object.place) + object.size - 1;
    for (uintptr_t page = Place(object.place) >> 12; page <= end >> 12; ++page) use(page);
  };
  for (int step = 0; step < 200000; ++step) {
    // Phases of growing and shrinking, so that slabs come and go.
    const bool grow = step / 10000 % 2 == 0;
    if (objects.empty() || rand() % 10 < (grow ? 7 : 3)) {
      const size_t size = 1 + static_cast<size_t>(rand()) % (16u << rand() % 9);
      const Allocate home = kHomes[rand() % 8 == 0].allocate;
      objects.push_back({home(size), size, home});
      if (objects.back().place == nullptr) {
        objects.pop_back();
        continue;
      }
      each_page(objects.back(), [&](uintptr_t number) {
        Page& page = pages[number];
        const size_t slot = SlotOf(size);
        if (page.live++ == 0) {
          reused += last_slot.count(number) != 0 && last_slot[number] != slot;
          page = {slot, home, 1};
          last_slot[number] = slot;
        }
        mixed += page.slot != slot || page.home != home;
      });
    } else {
      std::swap(objects[static_cast<size_t>(rand()) % objects.size()], objects.back());
      each_page(objects.back(), [&](uintptr_t number) { --pages[number].live; });
      free(objects.back().place);
      objects.pop_back();
    }
  }
  for (const Object& object : objects) free(object.place);
  printf("       200000 steps, %zu pages, %ld of which changed their class between\n", pages.size(),
         reused);
  Fact("no page holds two size classes, or two domains, at one time", mixed == 0);
  Fact("pages did change class, so that this means something", reused > 0);
}

struct Mapping {
  uintptr_t begin, end;
  bool accessible, secret;
};

std::vector<Mapping> Mappings() {
  std::vector<Mapping> all;
  FILE* const maps = fopen("/proc/self/maps", "re");
  char line[512];
  while (maps != nullptr && fgets(line, sizeof line, maps) != nullptr) {
    unsigned long begin, end;
    char access[8];
    if (sscanf(line, "%lx-%lx %7s", &begin, &end, access) != 3) continue;
    all.push_back({begin, end, access[0] != '-', strstr(line, "secretmem") != nullptr});
  }
  if (maps != nullptr) fclose(maps);
  return all;
}

void CheckSecretsStandAlone() {
  std::vector<void*> objects;
  for (int i = 0; i < 400; ++i) {
    objects.push_back(malloc(static_cast<size_t>(1) << rand() % 20));
    objects.push_back(secalloc_malloc(static_cast<size_t>(1) << rand() % 16));
  }
  int secret = 0, beside = 0;
  const std::vector<Mapping> all = Mappings();
  for (size_t i = 0; i < all.size(); ++i) {
    if (!all[i].secret || !all[i].accessible) continue;
    ++secret;
    const auto touches = [&](const Mapping& other) {
      return other.accessible && !other.secret &&
             (other.end == all[i].begin || other.begin == all[i].end);
    };
    beside += (i > 0 && touches(all[i - 1])) || (i + 1 < all.size() && touches(all[i + 1]));
  }
  for (void* object : objects) free(object);
  printf("       %d mappings of secret memory\n", secret);
  if (secret == 0) {
    printf("SKIP: kernel: no memfd_secret(2), so no secret mapping to look at\n");
    return;
  }
  Fact("an inaccessible page lies between secrets and all else", secret > 2 && beside == 0);
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
  CheckPagesAreOfOneClass();
  CheckSecretsStandAlone();
  return Summary();
}

}  // namespace
}  // namespace secure_alloc::test

int main(int count, char**) {
  return count == 2 ? secure_alloc::test::PrintBases() : secure_alloc::test::RunAll();
}
