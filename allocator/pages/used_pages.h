// Which pages of an arena hold something.
#pragma once

#include "allocator/pages/arena.h"

namespace secure_alloc {

inline bool InUse(const Arena& arena, Pages page) {
  if (arena.whole) return true;
  const PageInfo& info = arena.info[page];
  const PageKind kind = KindOf(info);
  return info.prepared &&
         (kind == PageKind::kAllocated || kind == PageKind::kSlab || kind == PageKind::kLarge);
}

// Calls `visit(first, count)` for each stretch of pages that are `wanted(page)` until it returns
// an error.
template <typename Wanted, typename Visit>
int ForEachStretch(const Arena& arena, Wanted wanted, Visit visit) {
  for (Pages page = 0; page < arena.grown;) {
    Pages end = page;
    while (end < arena.grown && wanted(end)) ++end;
    if (end > page) {
      if (const int error = visit(page, end - page); error != 0) return error;
      page = end;
    } else {
      ++page;
    }
  }
  return 0;
}

// ... of pages that there are.
template <typename Visit>
int ForEachPresentStretch(const Arena& arena, Visit visit) {
  return ForEachStretch(
      arena, [&arena](Pages page) { return arena.IsPresent(page); }, visit);
}

// ... of pages in use.
template <typename Visit>
int ForEachUsedStretch(const Arena& arena, Visit visit) {
  return ForEachStretch(
      arena, [&arena](Pages page) { return InUse(arena, page); }, visit);
}

}  // namespace secure_alloc
