// The buddy against a bit for each page.
#include <vector>

#include "allocator/pages/buddy.h"
#include "tests/fuzz/fuzz.h"

using namespace secure_alloc;
using namespace secure_alloc::test;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Choices choices(data, size);
  const uint32_t pages = 1 + choices.Below(700);
  std::vector<PageInfo> info(pages);
  std::vector<bool> is_free(pages, false);
  struct Held {
    uint32_t first, count;
  };
  std::vector<Held> held = {{0, pages}};  // At first all pages are the caller's.
  Buddy buddy;
  buddy.Init(info.data(), pages);
  uint32_t free_pages = 0;
  while (choices.more()) {
    if (choices.Byte() % 2 == 0) {
      const unsigned order = choices.Byte() % 10;
      const uint32_t first = buddy.Take(order), count = 1u << order;
      if (first == Buddy::kNone) continue;
      Must(first % count == 0 && first + count <= pages);
      for (uint32_t page = first; page < first + count; ++page) {
        Must(is_free[page]);
        is_free[page] = false;
      }
      free_pages -= count;
      held.push_back({first, count});
    } else if (!held.empty()) {
      Held& one = held[choices.Below(static_cast<uint32_t>(held.size()))];
      // All of it, or a piece from the front.
      const uint32_t count = choices.Byte() % 2 == 0 ? one.count : 1 + choices.Below(one.count);
      const Buddy::FreeRun run = buddy.Give(one.first, count);
      for (uint32_t page = one.first; page < one.first + count; ++page) is_free[page] = true;
      free_pages += count;
      for (uint32_t page = run.first; page < run.first + (1u << run.order); ++page) {
        Must(is_free[page]);
      }
      one.first += count;
      one.count -= count;
      if (one.count == 0) {
        one = held.back();
        held.pop_back();
      }
    }
    Must(buddy.free_pages() == free_pages);
  }
  // Everything given back merges as far as it can.
  for (const Held& one : held) buddy.Give(one.first, one.count);
  Must(buddy.free_pages() == pages);
  for (unsigned order = 0; order < Buddy::kOrders; ++order) {
    Must(buddy.free_runs(order) == (pages >> order & 1));
  }
  return 0;
}
