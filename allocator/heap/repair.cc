#include "allocator/heap/repair.h"

#include "allocator/base/bytes.h"
#include "allocator/heap/walk.h"
#include "allocator/pages/space.h"
#include "allocator/slab/object.h"

namespace secure_alloc {
namespace {

void RepairObject(char* object, size_t size, size_t slack) {
  if (slack > size) return;  // Another thread was just writing it.
  if (!CheckBytesHold(object, size, slack)) SetCheckBytes(object, size, slack);
}

void RepairSlot(char* slot, size_t size) {
  const uint8_t* const shadow = space.ShadowOf(slot);
  if ((LoadShadow(shadow) & kLive) != 0) {
    RepairObject(slot, size, LoadSlack(shadow));
  } else if (!IsZero(slot, size)) {
    Wipe(slot, size);
  }
}

void RepairLarge(const Run& run) {
  const Extent extent = ExtentOf(run);
  if ((LoadShadow(StateOf(run)) & kLive) == 0) {
    if (!IsZeroLong(run.address(), run.bytes())) WipeLong(run.address(), run.bytes());
  } else if (extent.slack > 0) {
    RepairObject(extent.object, extent.size, extent.slack);
  }
}

void RepairArena(Arena& arena) { WalkArena(arena, RepairSlot, RepairLarge); }

}  // namespace

void RepairSecretsAfterFork(PageHeap& pages) SA_NO_THREAD_SAFETY {
  pages.ForEachArena(RepairArena);
}

void ForgetObject(uint8_t* state) {
  if ((LoadShadow(state) & kLive) != 0) StoreShadow(state, kLive | kForgottenBin);
}

void ForgetObjects(void* address, size_t length) {
  uint8_t* const begin = space.ShadowOf(address);
  for (uint8_t* at = begin; at < begin + (length >> kGranuleShift); ++at) ForgetObject(at);
  char* const end = static_cast<char*>(address) + length;
  for (char* page = static_cast<char*>(address); page < end; page += kPageSize) {
    if (Run run; FindRun(page, &run) && run.address() == page) ForgetObject(StateOf(run));
  }
}

void ForgetObjects(Arena* arena) { ForgetObjects(arena->AddressOf(0), arena->bytes()); }

}  // namespace secure_alloc
