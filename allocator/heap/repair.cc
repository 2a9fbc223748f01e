#include "allocator/heap/repair.h"

#include "allocator/base/bytes.h"
#include "allocator/heap/standard_heaps.h"
#include "allocator/pages/space.h"
#include "allocator/slab/object.h"

namespace secure_alloc {
namespace {

void RepairObject(char* object, size_t size, size_t slack) {
  if (slack > size) return;  // Another thread was just writing it.
  if (!CheckBytesHold(object, size, slack)) SetCheckBytes(object, size, slack);
}

void RepairSlab(const Slab& slab) {
  const SlabShape& shape = kShapes[slab.bin()];
  for (unsigned i = 0; i < shape.slots; ++i) {
    char* const slot = slab.run().address() + size_t{i} * shape.slot_size;
    const uint8_t* const shadow = space.ShadowOf(slot);
    if ((LoadShadow(shadow) & kLive) != 0) {
      RepairObject(slot, shape.slot_size, LoadSlack(shadow));
    } else if (!IsZero(slot, shape.slot_size)) {
      Wipe(slot, shape.slot_size);
    }
  }
}

void RepairLarge(const Run& run) {
  char* const object = run.address();
  if ((LoadShadow(space.ShadowOf(object)) & kLive) != 0) {
    RepairObject(object, run.bytes(), run.bytes() - LargeStore::RequestedSize(object));
  } else if (!IsZeroLong(object, run.bytes())) {
    WipeLong(object, run.bytes());
  }
}

void RepairArena(Arena& arena) {
  if (arena.whole) return RepairLarge({&arena, 0, arena.grown});
  for (Pages page = 0; page < arena.grown; ++page) {
    const PageInfo& info = arena.info[page];
    if (info.first != page) continue;
    if (info.kind == PageKind::kSlab) RepairSlab(*static_cast<Slab*>(arena.RecordOf(page)));
    if (info.kind == PageKind::kLarge) RepairLarge({&arena, page, info.next});
  }
}

}  // namespace

void RepairSecretsAfterFork() SA_NO_THREAD_SAFETY { secret_pages.ForEachArena(RepairArena); }

}  // namespace secure_alloc
