#include "allocator/heap/repair.h"

#include "allocator/base/bytes.h"
#include "allocator/heap/large_run.h"
#include "allocator/slab/slab.h"
#include "allocator/pages/space.h"
#include "allocator/slab/object.h"

namespace secure_alloc {
namespace {

void RepairObject(char* object, size_t size, size_t slack) {
  if (slack > size) return;  // Another thread was just writing it.
  if (!CheckBytesHold(object, size, slack)) SetCheckBytes(object, size, slack);
}

void RepairSlab(const Slab& slab) {
  const size_t slot_size = kShapes[slab.bin()].slot_size;
  for (unsigned i = 0; i < slab.slots(); ++i) {
    char* const slot = slab.run().address() + i * slot_size;
    const uint8_t* const shadow = space.ShadowOf(slot);
    if ((LoadShadow(shadow) & kLive) != 0) {
      RepairObject(slot, slot_size, LoadSlack(shadow));
    } else if (!IsZero(slot, slot_size)) {
      Wipe(slot, slot_size);
    }
  }
}

void RepairLarge(const Run& run) {
  const Extent extent = ExtentOf(run);
  if ((LoadShadow(space.ShadowOf(extent.object)) & kLive) == 0) {
    if (!IsZeroLong(run.address(), run.bytes())) WipeLong(run.address(), run.bytes());
  } else if (extent.slack > 0) {
    RepairObject(extent.object, extent.size, extent.slack);
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

void RepairSecretsAfterFork(PageHeap& pages) SA_NO_THREAD_SAFETY {
  pages.ForEachArena(RepairArena);
}

void ForgetObjects(void* address, size_t length) {
  uint8_t* const begin = space.ShadowOf(address);
  for (uint8_t* at = begin; at < begin + (length >> kGranuleShift); ++at) {
    if ((LoadShadow(at) & kLive) != 0) StoreShadow(at, kLive | kForgottenBin);
  }
}

void ForgetObjects(Arena* arena) { ForgetObjects(arena->AddressOf(0), arena->bytes()); }

}  // namespace secure_alloc
