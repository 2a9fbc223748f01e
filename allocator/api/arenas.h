// What there is of arenas, one by one, with their free runs by order: for malloc_info(3) and the
// option stats=json. Collected into memory of its own: nothing is allocated under the locks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "allocator/pages/buddy.h"
#include "allocator/pages/source.h"

namespace secure_alloc {

struct ArenaFigures {
  char domain[32];  // other characters than letters, digits and _-. are `?`
  Protection protection;
  bool reserved;
  Pages pages;
  Pages free_pages;
  uint32_t free_runs[Buddy::kOrders];  // of 2^i pages
};

// "plain", "locked", "secret".
const char* NameOf(Protection protection);

// Of ordinary slabs, and of all domains for secrets.
class ArenaList {
 public:
  // As it is now; empty without memory for it. Arenas that come meanwhile may be missing.
  ArenaList();
  ~ArenaList();
  ArenaList(const ArenaList&) = delete;
  ArenaList& operator=(const ArenaList&) = delete;

  const ArenaFigures* begin() const { return list_; }
  const ArenaFigures* end() const { return list_ + size_; }
  size_t size() const { return size_; }

 private:
  ArenaFigures* list_ = nullptr;
  size_t size_ = 0;
  size_t bytes_ = 0;  // of the mapping
};

}  // namespace secure_alloc
