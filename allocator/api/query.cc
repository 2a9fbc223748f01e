#include "allocator/api/query.h"

#include "allocator/api/advice.h"
#include "allocator/api/protection.h"
#include "allocator/domain/created_domain.h"
#include "allocator/heap/find.h"
#include "allocator/heap/large_run.h"
#include "allocator/os/live.h"
#include "allocator/pages/space.h"
#include "allocator/promote/promoter.h"

namespace secure_alloc {
namespace {

// Of the domain whose page heap it is.
const char* NameOf(const PageHeap& pages) {
  const char* name = public_domain.name();
  MutexLock lock(SecretDomains::mutex());
  SecretDomains::ForEach([&](Domain& domain) {
    if (&domain.heap().pages() == &pages) name = domain.name();
  });
  return name;
}

// What is left of it by those who close objects, and domains to threads.
int AccessTo(const FoundObject& object, const Arena& arena) {
  if (object.size == 0) return kProtNone;
  int prot = kProtAll;
  if (Run run; FindRun(object.start, &run)) prot = ProtectionOf(AccessOf(run));
  return prot & ProtectionBy(arena.heap->key());
}

// What the kernel knows about memory that is no arena of ours.
void QueryOthers(const void* address, struct secalloc_info* info) {
  os::Mapping mapping;
  bool locked, undumped;
  if (os::FindMapping(Address(address), &mapping, &locked, &undumped) != 0) return;
  info->protection = mapping.secret ? SECALLOC_SECRET : locked ? SECALLOC_LOCKED : SECALLOC_PLAIN;
  const bool anonymous = !mapping.shared && !mapping.foreign;
  if (mapping.secret || undumped || anonymous) info->dumped = !mapping.secret && !undumped;
}

}  // namespace

void Query(const void* address, struct secalloc_info* info) {
  *info = {};
  info->protection = SECALLOC_PLAIN;
  info->dumped = -1;
  info->access = -1;
  Arena* const arena = space.OwnerOf(Address(address));
  const Method method = promoter.MethodOf(Address(address));
  if (method != Method::kNone) {
    info->protection = SECALLOC_SECRET;
    info->promoted = NameOf(method);
    info->dumped = 0;
  }
  if (arena == nullptr || !arena->IsPresent(arena->PageOf(Address(address)))) {
    if (method == Method::kNone) QueryOthers(address, info);
    return;
  }
  const Protection protection = arena->source->protection();
  info->ours = 1;
  if (method == Method::kNone) {
    info->dumped = protection == Protection::kPlain;
    info->protection = static_cast<enum secalloc_protection>(protection);
  }
  info->domain = NameOf(*arena->heap);
  FoundObject object;
  if (!FindObject(address, &object)) return;
  info->live = 1;
  info->object = object.start;
  info->size = object.size;
  info->access = AccessTo(object, *arena);
}

}  // namespace secure_alloc
