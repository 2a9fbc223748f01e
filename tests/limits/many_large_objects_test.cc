// 40,000 live objects of 256 KiB under the default vm.max_map_count: guards are given up,
// and counted, before malloc fails.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <functional>
#include <vector>

#include "tests/limits/support.h"

using namespace secure_alloc::test;

namespace {

constexpr size_t kObjects = 40000;
constexpr size_t kSize = 256 << 10;
constexpr size_t kGrown = 200;
// What may stay resident, in KiB: shadow and page records of arenas that were full, and what
// waits for reuse. A thirty-second of what was asked for.
constexpr long kMostKept = kObjects * kSize / 32 >> 10;

size_t MapCount() {
  FILE* const file = fopen("/proc/self/maps", "re");
  size_t lines = 0;
  for (int c; (c = fgetc(file)) != EOF;) lines += c == '\n';
  fclose(file);
  return lines;
}

size_t LongAt(const char* object, size_t offset) {
  return *reinterpret_cast<const size_t*>(object + offset);
}

void Mark(char* object, size_t number) {
  *reinterpret_cast<size_t*>(object) = number;
  *reinterpret_cast<size_t*>(object + kSize - sizeof number) = ~number;
}

bool IsMarked(const char* object, size_t number) {
  return LongAt(object, 0) == number && LongAt(object, kSize - sizeof number) == ~number;
}

size_t Unguarded() {
  struct secalloc_stats stats;
  return secalloc_stats(&stats) == 0 ? stats.unguarded_objects : 0;
}

}  // namespace

int main() {
  std::vector<char*> objects;
  objects.reserve(kObjects);
  for (size_t i = 0; i < kObjects; ++i) {
    char* const object = static_cast<char*>(malloc(kSize));
    if (object == nullptr) break;
    Mark(object, i);
    objects.push_back(object);
  }
  Fact("40,000 objects of 256 KiB can be had", objects.size() == kObjects);
  const size_t maps = MapCount();
  printf("       %zu map entries, %zu objects without guards\n", maps, Unguarded());
  Fact("half of the map entries are left to the program", maps < 65530 / 2 + 2000);
  Fact("objects without guards are counted", Unguarded() > 0 && Unguarded() < kObjects);
  void* const mapping = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  Fact("the program can still map memory", mapping != MAP_FAILED);

  void* const longest = malloc(100 << 20);
  Fact("the longest objects still can be had", longest != nullptr);
  free(longest);

  // The first ones have guards, the last ones have none.
  for (size_t i = 0; i < kGrown; ++i) {
    for (char*& object : {std::ref(objects[i]), std::ref(objects[objects.size() - 1 - i])}) {
      char* const grown = static_cast<char*>(realloc(object, 2 * kSize));
      if (grown != nullptr) object = grown;
    }
  }
  Fact("objects that grow take no more map entries", MapCount() < maps + kGrown / 4);

  bool intact = true;
  for (size_t i = 0; i < objects.size(); ++i) intact = intact && IsMarked(objects[i], i);
  Fact("no object lies in another", intact);
  // Every second one first: the hardest order for whoever merges.
  for (size_t i = 0; i < objects.size(); i += 2) free(objects[i]);
  for (size_t i = 1; i < objects.size(); i += 2) intact = intact && IsMarked(objects[i], i);
  Fact("the others keep their contents", intact);
  for (size_t i = 1; i < objects.size(); i += 2) free(objects[i]);
  const long resident = StatusKib("VmRSS");
  Fact("memory goes back (" + std::to_string(resident >> 10) + " MiB are left)",
       resident < kMostKept);

  const size_t before = Unguarded();
  char* const again = static_cast<char*>(malloc(kSize));
  Fact("then objects have guards again", again != nullptr && Unguarded() == before);
  free(again);
  return Summary();
}
