// Every place of an arena where an object is or could be.
#pragma once

#include "allocator/heap/large_run.h"
#include "allocator/slab/slab.h"

namespace secure_alloc {

// Calls slot(char* begin, size_t size) for the slots of all slabs, free or not, and
// large(const Run&) for the runs that large objects have or had last. Nobody else uses the arena.
template <typename VisitSlot, typename VisitLarge>
void WalkArena(Arena& arena, VisitSlot slot, VisitLarge large) {
  if (arena.whole) return large(Run{&arena, 0, arena.grown});
  for (Pages page = 0; page < arena.grown; ++page) {
    const PageInfo& info = arena.info[page];
    if (info.first != page) continue;
    if (info.kind == PageKind::kLarge) large(Run{&arena, page, info.next});
    if (info.kind != PageKind::kSlab) continue;
    const Slab& slab = *static_cast<const Slab*>(arena.RecordOf(page));
    const size_t size = kShapes[slab.bin()].slot_size;
    for (unsigned i = 0; i < slab.slots(); ++i) slot(slab.run().address() + i * size, size);
  }
}

}  // namespace secure_alloc
