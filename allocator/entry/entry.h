// This malloc's manners: argument checks, errno, what zero and failure mean; and start-up.
//
// Each function says on whose behalf it is called: `first_bin` is the domain (kOrdinaryBins:
// public, kSecretBins: secret; created domains have functions of their own), `caller` the address
// that a fault names, `form` what kind of function it is. Sizes in bytes.
// Failure is null with errno ENOMEM (or as said); success leaves errno alone.
#pragma once

#include <cstddef>

#include "allocator/domain/options.h"
#include "allocator/heap/fast_path.h"
#include "allocator/heap/form.h"

namespace secure_alloc {

class Domain;

namespace entry {

// Two words, so that it travels in registers.
struct Call {
  constexpr Call(unsigned bin, const void* from, Form by = Form::kMalloc)
      : first_bin(bin), form(by), caller(from) {}

  unsigned first_bin;
  Form form;
  const void* caller;
};

// For what AllocateInline() and FreeInline() refuse. An exported function asks those first, and
// reads its caller's address only for these: the fast path has no register to spare for it.
void* AllocateSlow(size_t size, Call call);
// Null is fine; errno stays.
void FreeSlow(void* object, Call call);
// Faults if the object was not allocated with this size.
void FreeSizedSlow(void* object, size_t size, Call call);

// The two as one.
inline void* Allocate(size_t size, Call call) {
  void* const object = AllocateInline(size, call.first_bin);
  return object != nullptr ? object : AllocateSlow(size, call);
}
inline void Free(void* object, Call call) {
  if (!FreeInline(object)) FreeSlow(object, call);
}

// Zeroed, as all memory here; ENOMEM if the product overflows.
void* AllocateArray(size_t count, size_t size, Call call);
// As realloc(3) of glibc: size 0 frees. The object stays in its domain, or moves up to the
// secret one if the call is on its behalf. The old place is wiped.
void* Resize(void* object, size_t size, Call call);
// As freezero(3) and recallocarray(3): nothing of the object stays in its old place, and what
// is new is zero, also where a peer owns it.
void FreeWiped(void* object, size_t size, Call call);
void* ResizeWiped(void* object, size_t old_size, size_t size, Call call);
// `alignment` is a power of two, or EINVAL.
void* AllocateAligned(size_t alignment, size_t size, Call call);
// The size asked for; 0 for null.
size_t UsableSize(const void* object, Call call);
// The same for a created domain.
void* AllocateIn(Domain& domain, size_t size, size_t alignment);
void* ResizeIn(Domain& domain, void* object, size_t size, const void* caller);
// The object is in this domain, or it faults.
void FreeFrom(Domain& domain, void* object, const void* caller);
// An object with pages to itself; at_end: in front of the second guard page.
void* AllocateOwnPages(Domain& domain, size_t size, size_t alignment, bool at_end);

// Gives back what is idle, this thread's caches first.
void Trim();

// Start-up, by the first use or on demand, however early: reserves the space and reads the
// options. False (ENOMEM) when no address space can be had.
[[nodiscard]] bool Start();
const Options& CurrentOptions();

// Who serves the public domain instead of our heap (option `ordinary`), from the
// moment it is set. Every pointer outside our space is then its.
struct Peer {
  void* (*allocate)(size_t size);
  void* (*allocate_zeroed)(size_t size);
  void* (*allocate_aligned)(size_t alignment, size_t size);
  void* (*resize)(void* object, size_t size);
  void (*free)(void* object);
  size_t (*usable_size)(void* object);
};
void SetPeer(const Peer* peer);
const Peer* CurrentPeer();  // or null

}  // namespace entry
}  // namespace secure_alloc
