#include "allocator/heap/verify.h"

#include "allocator/heap/large.h"
#include "allocator/heap/walk.h"

namespace secure_alloc {
namespace {

bool IsLive(const void* object) { return (LoadShadow(space.ShadowOf(object)) & kLive) != 0; }

void CheckArena(Arena& arena) {
  WalkArena(
      arena,
      [](const char* slot, size_t size) {
        if (IsLive(slot) && !CheckBytesHold(slot, size, LoadSlack(space.ShadowOf(slot)))) {
          Fault(FaultKind::kOverflow, nullptr);
        }
      },
      [](const Run& run) {
        const char* const object = ExtentOf(run).object;
        if (IsLive(object)) LargeStore::CheckIntact(object, nullptr);
      });
}

}  // namespace

void CheckLiveObjects(PageHeap& pages) SA_NO_THREAD_SAFETY { pages.ForEachArena(CheckArena); }

}  // namespace secure_alloc
