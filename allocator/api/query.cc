#include "allocator/api/query.h"

#include "allocator/domain/domain.h"
#include "allocator/heap/standard_heaps.h"
#include "allocator/slab/object.h"

namespace secure_alloc {
namespace {

// The start of the slot or run that the address lies in, or null.
const void* StartOf(const Arena& arena, const void* address) {
  if (arena.whole) return arena.AddressOf(0);
  const PageInfo& info = arena.info[arena.PageOf(Address(address))];
  if (info.kind == PageKind::kLarge) return arena.AddressOf(info.first);
  if (info.kind != PageKind::kSlab) return nullptr;
  return static_cast<const Slab*>(arena.RecordOf(info.first))->SlotOf(address);
}

}  // namespace

void Query(const void* address, struct secalloc_info* info) {
  *info = {};
  info->protection = SECALLOC_PLAIN;
  info->dumped = -1;
  Arena* const arena = space.OwnerOf(Address(address));
  if (arena == nullptr || !arena->Covers(Address(address))) return;
  const Protection protection = arena->source->protection();
  info->ours = 1;
  info->dumped = protection == Protection::kPlain;
  info->protection = static_cast<enum secalloc_protection>(protection);
  info->domain = arena->heap == &secret_pages ? secret_domain.name() : public_domain.name();
  const void* const start = StartOf(*arena, address);
  if (start == nullptr) return;
  const uint8_t state = LoadShadow(space.ShadowOf(start));
  if ((state & kLive) == 0) return;
  const size_t size = ObjectSize(start);
  const size_t offset = Address(address) - Address(start);
  if (offset >= size && offset != 0) return;  // In the slack behind the object.
  info->live = 1;
  info->object = start;
  info->size = size;
}

}  // namespace secure_alloc
