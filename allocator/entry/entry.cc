#include "allocator/entry/entry.h"

#include <errno.h>

#include <algorithm>
#include <cstring>

#include "allocator/domain/created_domain.h"
#include "allocator/heap/live_object.h"
#include "allocator/heap/standard_heaps.h"
#include "allocator/os/keys.h"
#include "allocator/promote/promoter.h"

namespace secure_alloc::entry {
namespace {

constinit const Peer* peer = nullptr;  // set once, before threads

Domain& DomainFor(Call call) {
  return call.first_bin == kOrdinaryBins ? public_domain : secret_domain;
}

bool ServedByPeer(Call call) { return peer != nullptr && call.first_bin == 0; }

void* OutOfMemory() {
  errno = ENOMEM;
  return nullptr;
}

// Not every peer sets errno.
void* OrOutOfMemory(void* object) { return object != nullptr ? object : OutOfMemory(); }

// The owner of a pointer that is outside our space.
const Peer& PeerOf(FaultKind doubt, const void* caller) {
  if (peer == nullptr) Fault(doubt, caller);
  return *peer;
}

// Moves to a new object on behalf of `call`; the old one is freed.
void* Move(void* object, size_t old_size, size_t size, Call call) {
  void* fresh = nullptr;
  if (!ServedByPeer(call)) fresh = DomainFor(call).AllocateResized(old_size, size);
  if (fresh == nullptr) fresh = AllocateSlow(size, call);
  if (fresh == nullptr) return nullptr;
  std::memcpy(fresh, object, std::min(old_size, size));
  FreeSlow(object, call);
  return fresh;
}

// The object could not be moved. Making it smaller must not fail for want of memory: it keeps
// its place and size.
void* KeepSmaller(void* object, size_t old_size, size_t size) {
  if (size > old_size) return nullptr;
  WipeBytes(static_cast<char*>(object) + size, old_size - size);
  return object;
}

// Into a domain of its own, from there or anywhere.
void* ResizeOurs(Domain& domain, void* object, const ObjectInfo& info, size_t size,
                 const void* caller) {
  Domain& old_domain = DomainOf(object, info.first_bin);
  const bool stays = &old_domain == &domain;
  const os::KeyOpened old_opened(old_domain.key()), opened(domain.key());
  if (stays && TryResize(object, size, caller)) return object;
  void* const fresh = OrOutOfMemory(domain.Allocate(size, 1));
  if (fresh == nullptr) return stays ? KeepSmaller(object, info.size, size) : nullptr;
  std::memcpy(fresh, object, std::min(info.size, size));
  FreeSlow(object, {info.first_bin, caller});
  return fresh;
}

// The peer's object moves up; nothing of it may stay behind.
void* MovePeers(const Peer& owner, void* object, size_t size, void* fresh) {
  if (fresh == nullptr) return nullptr;
  const size_t old_size = owner.usable_size(object);
  std::memcpy(fresh, object, std::min(old_size, size));
  WipeBytes(object, old_size);
  owner.free(object);
  return fresh;
}

void* ResizePeers(void* object, size_t size, Call call) {
  const Peer& owner = PeerOf(FaultKind::kFreedUse, call.caller);
  if (call.first_bin == 0) return OrOutOfMemory(owner.resize(object, size));
  return MovePeers(owner, object, size, AllocateSlow(size, call));
}

}  // namespace

void* AllocateSlow(size_t size, Call call) {
  if (void* const object = AllocateFast(size, call.first_bin)) return object;
  if (!Start()) return OutOfMemory();
  if (ServedByPeer(call)) return OrOutOfMemory(peer->allocate(size));
  return OrOutOfMemory(DomainFor(call).Allocate(size, 1));
}

void FreeSlow(void* object, Call call) {
  if (object == nullptr || FreeFast(object)) return;
  if (keeps_forms) [[unlikely]] {
    CheckForm(object, call.form, call.caller);
    SetForm(object, Form::kMalloc);
  }
  if (!FreeChecked(object, call.caller)) PeerOf(FaultKind::kInvalidFree, call.caller).free(object);
}

void* AllocateArray(size_t count, size_t size, Call call) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) return OutOfMemory();
  if (ServedByPeer(call)) return OrOutOfMemory(peer->allocate_zeroed(total));
  return Allocate(total, call);
}

void* Resize(void* object, size_t size, Call call) {
  if (object == nullptr) return AllocateSlow(size, call);
  if (size == 0) {
    FreeSlow(object, call);
    return nullptr;
  }
  ObjectInfo info;
  if (!Inspect(object, call.caller, &info)) return ResizePeers(object, size, call);
  if (keeps_forms) CheckForm(object, call.form, call.caller);
  if (info.first_bin == kDomainBins) {
    return ResizeOurs(DomainOf(object, kDomainBins), object, info, size, call.caller);
  }
  // What was promoted where it lay stays secret where it goes.
  if (promoter.HasPromoted(object)) call.first_bin = kSecretBins;
  const bool moves_up = info.first_bin < call.first_bin;
  if (!moves_up && TryResize(object, size, call.caller)) return object;
  if (moves_up) {
    (void)SetAccess(object, Access::kReadWrite, call.caller);
  } else if (void* const moved = peer == nullptr ? TryMove(object, info.size, size) : nullptr) {
    return moved;
  }
  void* const moved =
      Move(object, info.size, size, {std::max(info.first_bin, call.first_bin), call.caller});
  return moved != nullptr || moves_up ? moved : KeepSmaller(object, info.size, size);
}

void* AllocateIn(Domain& domain, size_t size, size_t alignment) {
  if (!IsPowerOfTwo(alignment)) {
    errno = EINVAL;
    return nullptr;
  }
  if (!Start()) return OutOfMemory();
  if (size > PTRDIFF_MAX - alignment) return OutOfMemory();
  return OrOutOfMemory(domain.Allocate(size, alignment));
}

void* ResizeIn(Domain& domain, void* object, size_t size, const void* caller) {
  if (object == nullptr) return AllocateIn(domain, size, 1);
  if (size == 0) {
    FreeSlow(object, {kSecretBins, caller});
    return nullptr;
  }
  ObjectInfo info;
  if (Inspect(object, caller, &info)) {
    if (keeps_forms) CheckForm(object, Form::kMalloc, caller);
    (void)SetAccess(object, Access::kReadWrite, caller);
    return ResizeOurs(domain, object, info, size, caller);
  }
  const Peer& owner = PeerOf(FaultKind::kFreedUse, caller);
  return MovePeers(owner, object, size, AllocateIn(domain, size, 1));
}

void FreeWiped(void* object, size_t size, Call call) {
  // Our own are wiped whenever they are freed.
  if (object != nullptr && !space.Contains(Address(object))) WipeBytes(object, size);
  FreeSlow(object, call);
}

void* ResizeWiped(void* object, size_t old_size, size_t size, Call call) {
  if (object == nullptr || space.Contains(Address(object))) return Resize(object, size, call);
  void* const fresh = AllocateArray(1, size, call);
  if (fresh == nullptr) return nullptr;
  std::memcpy(fresh, object, std::min(old_size, size));
  FreeWiped(object, old_size, call);
  return fresh;
}

void* AllocateAligned(size_t alignment, size_t size, Call call) {
  if (!IsPowerOfTwo(alignment)) {
    errno = EINVAL;
    return nullptr;
  }
  if (size > PTRDIFF_MAX - alignment) return OutOfMemory();
  // A peer's small objects may be aligned to less than a granule.
  if (ServedByPeer(call)) return OrOutOfMemory(peer->allocate_aligned(alignment, size));
  if (alignment <= kGranule) return AllocateSlow(size, call);
  if (!Start()) return OutOfMemory();
  return OrOutOfMemory(DomainFor(call).Allocate(size, alignment));
}

void FreeFrom(Domain& domain, void* object, const void* caller) {
  ObjectInfo info;
  if (!Inspect(object, caller, &info)) Fault(FaultKind::kInvalidFree, caller);
  // Objects of size zero are in no domain, and some of fallback=plain in the public one.
  const bool elsewhere = info.size == 0 || (domain.fallback() == Fallback::kPlain &&
                                            info.first_bin == kOrdinaryBins);
  if (!elsewhere && &DomainOf(object, info.first_bin) != &domain) {
    Fault(FaultKind::kWrongDomain, caller);
  }
  FreeSlow(object, {info.first_bin, caller});
}

void* AllocateOwnPages(Domain& domain, size_t size, size_t alignment, bool at_end) {
  if (!IsPowerOfTwo(alignment) || (at_end && alignment > kPageSize)) {
    errno = EINVAL;
    return nullptr;
  }
  if (!Start()) return OutOfMemory();
  return OrOutOfMemory(size == 0 ? domain.Allocate(0, alignment)
                                 : domain.AllocateOwnPages(size, alignment, at_end));
}

size_t UsableSize(const void* object, Call call) {
  if (object == nullptr) return 0;
  ObjectInfo info;
  if (Inspect(object, call.caller, &info)) return info.size;
  return PeerOf(FaultKind::kFreedUse, call.caller).usable_size(const_cast<void*>(object));
}

void FreeSizedSlow(void* object, size_t size, Call call) {
  if (object == nullptr || FreeFast(object, size)) return;
  ObjectInfo info;
  if (Inspect(object, call.caller, &info) && info.size != size) {
    Fault(FaultKind::kWrongSize, call.caller);
  }
  FreeSlow(object, call);
}

void Trim() {
  if (thread_cache != &no_cache) {
    ordinary_heap.Flush(*thread_cache);
    secret_heap.Flush(*thread_cache);
  }
  ordinary_heap.Trim();
  promoter.Trim();
  MutexLock lock(SecretDomains::mutex());
  SecretDomains::ForEach([](Domain& domain) { domain.heap().Trim(); });
}

void SetPeer(const Peer* new_peer) { peer = new_peer; }

const Peer* CurrentPeer() { return peer; }

}  // namespace secure_alloc::entry
