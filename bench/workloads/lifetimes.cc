// Random objects whose sizes and lifetimes are drawn as traces of programs show them: most are
// small and die at once, some live for a while, few stay; sizes fall off with a long tail. Time
// is counted in objects; each thread has its own.
#include <cmath>
#include <span>

#include "bench/workloads/workload.h"

using namespace secure_alloc::bench;

namespace {

struct Share {
  unsigned percent;
  size_t limit;  // sizes up to it from that of the row before; lifetimes: their mean
};

constexpr Share kSizes[] = {{35, 32},  {30, 64},  {15, 128}, {10, 256},
                            {6, 1024}, {3, 8192}, {1, 65536}};
constexpr Share kLifetimes[] = {{70, 10}, {22, 1000}, {8, 100000}};

// The number of the row that a percentage falls into.
size_t DrawRow(std::span<const Share> rows, Random& random) {
  size_t row = 0, left = random.Below(100);
  while (left >= rows[row].percent) left -= rows[row++].percent;
  return row;
}

size_t DrawSize(Random& random) {
  const size_t row = DrawRow(kSizes, random);
  return random.Between(row == 0 ? 1 : kSizes[row - 1].limit + 1, kSizes[row].limit);
}

// Exponential, cut off at the wheel's size.
size_t DrawLifetime(Random& random, size_t longest) {
  const double mean = static_cast<double>(kLifetimes[DrawRow(kLifetimes, random)].limit);
  const double uniform = static_cast<double>(random.Between(1, 1 << 24)) / (1 << 24);
  return 1 + static_cast<size_t>(-std::log(uniform) * mean) % (longest - 1);
}

}  // namespace

int main(int argc, char** argv) {
  const Parameters p(argc, argv, {"OBJECTS", "THREADS", "WHEEL"});
  return Report(InThreads(p[1], [&](size_t number) {
    Random random(number + 1);
    Work work;
    // wheel[t]: the objects that die at time t, as a list by index; an index names a place.
    std::vector<Object> places;
    std::vector<uint32_t> next, free_places, wheel(p[2], 0);
    places.push_back({});
    next.push_back(0);
    for (size_t now = 0; now < p[0] + p[2]; ++now) {
      for (uint32_t place = wheel[now % p[2]]; place != 0; place = next[place]) {
        Free(places[place], work);
        free_places.push_back(place);
      }
      wheel[now % p[2]] = 0;
      if (now >= p[0]) continue;
      if (free_places.empty()) {
        free_places.push_back(static_cast<uint32_t>(places.size()));
        places.push_back({});
        next.push_back(0);
      }
      const uint32_t place = free_places.back();
      free_places.pop_back();
      places[place] = Allocate(DrawSize(random), work);
      uint32_t& list = wheel[(now + DrawLifetime(random, p[2])) % p[2]];
      next[place] = list;
      list = place;
    }
    return work;
  }));
}
