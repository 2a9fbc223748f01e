#include "allocator/heap/verify.h"

#include "allocator/heap/large.h"
#include "allocator/heap/walk.h"

namespace secure_alloc {
namespace {

bool IsLive(const uint8_t* state) { return (LoadShadow(state) & kLive) != 0; }

void CheckArena(Arena& arena) {
  WalkArena(
      arena,
      [](const char* slot, size_t size) {
        const uint8_t* const shadow = space.ShadowOf(slot);
        if (IsLive(shadow) && !CheckBytesHold(slot, size, LoadSlack(shadow))) {
          Fault(FaultKind::kOverflow, nullptr);
        }
      },
      [](const Run& run) {
        if (IsLive(StateOf(run))) LargeStore::CheckIntact(ExtentOf(run).object, nullptr);
      });
}

}  // namespace

void CheckLiveObjects(PageHeap& pages) SA_NO_THREAD_SAFETY { pages.ForEachArena(CheckArena); }

}  // namespace secure_alloc
