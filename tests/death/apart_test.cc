// What never lies together: objects of two size classes or two domains on a page, and secrets
// beside anything else that is accessible.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <map>
#include <utility>
#include <vector>

#include "include/secure_alloc/secure_alloc.h"
#include "tests/limits/support.h"

namespace secure_alloc::test {
namespace {

using Allocate = void* (*)(size_t);

uintptr_t Place(const void* object) { return reinterpret_cast<uintptr_t>(object); }

// The slot for a size, by the rule of allocator/slab/size_class.h.
size_t SlotOf(size_t size) {
  const size_t needed = size + 1;
  if (needed <= 32) return 32;
  if (needed <= 128) return (needed + 15) / 16 * 16;
  size_t power = 128;
  while (power * 2 < needed) power *= 2;
  if (needed <= power + 16) return power + 16;
  if (power >= 512 && needed <= power + power / 8) return power + power / 8;
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
      const Allocate home = rand() % 8 == 0 ? secalloc_malloc : malloc;
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
  CheckPagesAreOfOneClass();
  CheckSecretsStandAlone();
  return Summary();
}

}  // namespace
}  // namespace secure_alloc::test

int main() { return secure_alloc::test::RunAll(); }
