#include "allocator/api/query.h"

#include "allocator/domain/created_domain.h"
#include "allocator/heap/large_run.h"
#include "allocator/slab/object.h"

namespace secure_alloc {
namespace {

// The start of the slot or run that the address lies in, or null.
const void* StartOf(Arena& arena, const void* address) {
  if (arena.whole) return ExtentOf({&arena, 0, arena.grown}).object;
  const PageInfo& info = arena.info[arena.PageOf(Address(address))];
  if (info.kind == PageKind::kLarge) {
    return ExtentOf({&arena, info.first, arena.info[info.first].next}).object;
  }
  if (info.kind != PageKind::kSlab) return nullptr;
  return static_cast<const Slab*>(arena.RecordOf(info.first))->SlotOf(address);
}

// Of the domain whose page heap it is.
const char* NameOf(const PageHeap& pages) {
  const char* name = public_domain.name();
  MutexLock lock(SecretDomains::mutex());
  SecretDomains::ForEach([&](Domain& domain) {
    if (&domain.heap().pages() == &pages) name = domain.name();
  });
  return name;
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
  info->domain = NameOf(*arena->heap);
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
