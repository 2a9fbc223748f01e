#include "allocator/entry/entry.h"

#include <errno.h>

#include <algorithm>
#include <cstring>

#include "allocator/domain/domain.h"
#include "allocator/heap/standard_heaps.h"

namespace secure_alloc::entry {
namespace {

constinit const Peer* peer = nullptr;  // set once, before threads

Domain& DomainFor(Call call) { return call.first_bin == 0 ? public_domain : secret_domain; }

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
  if (size > old_size && !ServedByPeer(call)) fresh = DomainFor(call).AllocateGrowing(size);
  if (fresh == nullptr) fresh = Allocate(size, call);
  if (fresh == nullptr) return nullptr;
  std::memcpy(fresh, object, std::min(old_size, size));
  Free(object, call);
  return fresh;
}

void* ResizePeers(void* object, size_t size, Call call) {
  const Peer& owner = PeerOf(FaultKind::kFreedUse, call.caller);
  if (call.first_bin == 0) return OrOutOfMemory(owner.resize(object, size));
  // Up to the secret domain: nothing of it may stay behind.
  const size_t old_size = owner.usable_size(object);
  void* const fresh = Allocate(size, call);
  if (fresh == nullptr) return nullptr;
  std::memcpy(fresh, object, std::min(old_size, size));
  WipeBytes(object, old_size);
  owner.free(object);
  return fresh;
}

}  // namespace

void* AllocateSlow(size_t size, Call call) {
  if (void* const object = AllocateFast(size, call.first_bin)) return object;
  if (!Start()) return OutOfMemory();
  if (ServedByPeer(call)) return OrOutOfMemory(peer->allocate(size));
  if (size == 0) {
    int error;
    void* const object = DomainFor(call).heap().AllocateZeroSize(&error);
    return OrOutOfMemory(object);
  }
  return OrOutOfMemory(DomainFor(call).Allocate(size, 1));
}

void FreeSlow(void* object, Call call) {
  if (object == nullptr || FreeFast(object)) return;
  if (!FreeChecked(object, call.caller)) PeerOf(FaultKind::kInvalidFree, call.caller).free(object);
}

void* AllocateArray(size_t count, size_t size, Call call) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) return OutOfMemory();
  if (ServedByPeer(call)) return OrOutOfMemory(peer->allocate_zeroed(total));
  return Allocate(total, call);
}

void* Resize(void* object, size_t size, Call call) {
  if (object == nullptr) return Allocate(size, call);
  if (size == 0) {
    Free(object, call);
    return nullptr;
  }
  ObjectInfo info;
  if (!Inspect(object, call.caller, &info)) return ResizePeers(object, size, call);
  const bool moves_up = info.first_bin < call.first_bin;
  if (!moves_up && TryResize(object, size, call.caller)) return object;
  void* const moved =
      Move(object, info.size, size, {std::max(info.first_bin, call.first_bin), call.caller});
  if (moved != nullptr || moves_up || size > info.size) return moved;
  // Making an object smaller must not fail for want of memory: it keeps its place and size.
  WipeBytes(static_cast<char*>(object) + size, info.size - size);
  return object;
}

void FreeWiped(void* object, size_t size, Call call) {
  // Our own are wiped whenever they are freed.
  if (object != nullptr && !space.Contains(Address(object))) WipeBytes(object, size);
  Free(object, call);
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
  if (alignment <= kGranule) return Allocate(size, call);
  if (!Start()) return OutOfMemory();
  if (ServedByPeer(call)) return OrOutOfMemory(peer->allocate_aligned(alignment, size));
  return OrOutOfMemory(DomainFor(call).Allocate(std::max<size_t>(size, 1), alignment));
}

size_t UsableSize(const void* object, Call call) {
  if (object == nullptr) return 0;
  ObjectInfo info;
  if (Inspect(object, call.caller, &info)) return info.size;
  return PeerOf(FaultKind::kFreedUse, call.caller).usable_size(const_cast<void*>(object));
}

void FreeSized(void* object, size_t size, Call call) {
  if (object == nullptr) return;
  ObjectInfo info;
  // An aligned object of size zero holds one byte.
  if (Inspect(object, call.caller, &info) && info.size != size && !(size == 0 && info.size == 1)) {
    Fault(FaultKind::kWrongSize, call.caller);
  }
  Free(object, call);
}

void Trim() {
  if (thread_cache != &no_cache) {
    ordinary_heap.Flush(*thread_cache);
    secret_heap.Flush(*thread_cache);
  }
  ordinary_heap.Trim();
  secret_heap.Trim();
}

void SetPeer(const Peer* new_peer) { peer = new_peer; }

}  // namespace secure_alloc::entry
