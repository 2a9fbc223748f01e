#include "allocator/heap/find.h"

#include "allocator/heap/large_run.h"
#include "allocator/slab/slab.h"

namespace secure_alloc {
namespace {

// The slot or run that an address lies in, and the size of its object if that is live. Read once:
// who asks may have no object there, and others change it meanwhile.
struct Place {
  char* start;
  uintptr_t end;
  const uint8_t* state;
  size_t size;
};

bool FindPlace(const void* address, Place* place) {
  if (Run run; FindRun(address, &run)) {
    const Extent extent = ExtentOf(run);
    *place = {extent.object, Address(run.address()) + run.bytes(), StateOf(extent.object),
              extent.request()};
    return true;
  }
  const Arena* const arena = space.OwnerOf(Address(address));
  if (arena == nullptr) return false;
  const PageInfo& info = arena->info[arena->PageOf(Address(address))];
  if (info.kind != PageKind::kSlab) return false;
  const Slab* const slab = static_cast<const Slab*>(arena->RecordOf(info.first));
  char* const start = static_cast<char*>(const_cast<void*>(slab->SlotOf(address)));
  if (start == nullptr) return false;
  const size_t slot_size = kShapes[slab->bin()].slot_size;
  const uint8_t* const shadow = space.ShadowOf(start);
  *place = {start, Address(start) + slot_size, shadow, slot_size - LoadSlack(shadow)};
  return true;
}

bool FindLive(const void* address, Place* place) {
  return FindPlace(address, place) && (LoadShadow(place->state) & kLive) != 0;
}

}  // namespace

char* FindOwner(const void* address, uintptr_t* end) {
  Place place;
  if (!FindLive(address, &place)) return nullptr;
  *end = place.end;
  return place.start;
}

bool FindObject(const void* address, FoundObject* object) {
  Place place;
  if (!FindLive(address, &place)) return false;
  const bool is_zero_size = IsZeroSize(LoadShadow(place.state) & ~kLive);
  *object = {place.start, is_zero_size ? 0 : place.size, place.end};
  const size_t offset = Address(address) - Address(object->start);
  return offset < object->size || offset == 0;
}

}  // namespace secure_alloc
