#include "allocator/heap/form.h"

#include "allocator/base/fault.h"
#include "allocator/heap/large_run.h"
#include "allocator/slab/object.h"
#include "allocator/slab/slab.h"

namespace secure_alloc {

constinit bool keeps_forms = false;

namespace {

// Where the form lies; null if the address is not that of a live object with contents of its own.
uint8_t* FormOf(const void* object) {
  const uint64_t granule = space.GranuleIndex(Address(object));
  if (granule >= space.granules()) return nullptr;
  uint8_t* const place = StateOf(object);
  const uint8_t state = LoadShadow(place);
  if ((state & kLive) == 0) return nullptr;
  const unsigned bin = BinOf(object, state & ~kLive);
  if (bin == kForgottenBin) return nullptr;
  const size_t slot_size = kShapes[bin].slot_size;
  return place + (slot_size == 0 ? 1 : (slot_size >> kGranuleShift) - 1);
}

constexpr FaultKind kFaults[] = {FaultKind::kNotFree, FaultKind::kNotDelete,
                                 FaultKind::kNotDeleteArray};

}  // namespace

void SetForm(const void* object, Form form) {
  uint8_t* const place = FormOf(object);
  if (place != nullptr) StoreShadow(place, static_cast<uint8_t>(form));
}

void CheckForm(const void* object, Form form, const void* caller) {
  const uint8_t* const place = FormOf(object);
  if (place == nullptr) return;
  const uint8_t allocated = LoadShadow(place);
  SA_CHECK(allocated <= static_cast<uint8_t>(Form::kNewArray));
  if (allocated != static_cast<uint8_t>(form)) Fault(kFaults[allocated], caller);
}

}  // namespace secure_alloc
