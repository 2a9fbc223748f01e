#include "allocator/heap/find.h"

#include "allocator/heap/large_run.h"
#include "allocator/heap/live_object.h"
#include "allocator/slab/slab.h"

namespace secure_alloc {
namespace {

// The slot or run that the address lies in.
bool FindPlace(Arena& arena, const void* address, char** start, uintptr_t* end) {
  const PageInfo& info = arena.info[arena.whole ? 0 : arena.PageOf(Address(address))];
  if (arena.whole || info.kind == PageKind::kLarge) {
    const Run run = {&arena, info.first, arena.info[info.first].next};
    *start = ExtentOf(run).object;
    *end = Address(run.address()) + run.bytes();
    return true;
  }
  if (info.kind != PageKind::kSlab) return false;
  const Slab* const slab = static_cast<const Slab*>(arena.RecordOf(info.first));
  *start = static_cast<char*>(const_cast<void*>(slab->SlotOf(address)));
  *end = Address(*start) + kShapes[slab->bin()].slot_size;
  return *start != nullptr;
}

}  // namespace

char* FindOwner(const void* address, uintptr_t* end) {
  Arena* const arena = space.OwnerOf(Address(address));
  char* start;
  if (arena == nullptr || !arena->Covers(Address(address)) ||
      !FindPlace(*arena, address, &start, end)) {
    return nullptr;
  }
  return (LoadShadow(space.ShadowOf(start)) & kLive) != 0 ? start : nullptr;
}

bool FindObject(const void* address, FoundObject* object) {
  object->start = FindOwner(address, &object->end);
  if (object->start == nullptr) return false;
  object->size = ObjectSize(object->start);
  const size_t offset = Address(address) - Address(object->start);
  return offset < object->size || offset == 0;
}

}  // namespace secure_alloc
