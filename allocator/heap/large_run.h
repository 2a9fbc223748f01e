// What is known about the run of a large object: kept in the record of its first page.
#pragma once

#include "allocator/base/fault.h"
#include "allocator/base/system_page.h"
#include "allocator/os/os.h"
#include "allocator/pages/arena.h"
#include "allocator/pages/promoted.h"
#include "allocator/pages/sources.h"
#include "allocator/pages/space.h"
#include "allocator/slab/object.h"

namespace secure_alloc {

enum class Access : uint8_t { kReadWrite, kRead, kNone };

// How a run lies among its neighbours.
enum class Edges : uint8_t { kNone, kGuarded, kUnguarded };  // the last: pages, but accessible

namespace internal {

// The bits of PageInfo::order.
inline constexpr uint8_t kEdgesMask = 0x3;
inline constexpr unsigned kAccessShift = 2;
inline constexpr uint8_t kAccessMask = 0x3 << kAccessShift;
inline constexpr uint8_t kReserved = 0x10;

inline PageInfo& InfoOf(const Run& run) { return run.arena->info[run.first]; }

}  // namespace internal

// A new run: accessible, not reserved.
inline void SetEdges(const Run& run, Edges edges) {
  internal::InfoOf(run).order = static_cast<uint8_t>(edges);
}
inline Edges EdgesOf(const Run& run) {
  return static_cast<Edges>(internal::InfoOf(run).order & internal::kEdgesMask);
}

inline void MarkReserved(const Run& run) { internal::InfoOf(run).order |= internal::kReserved; }
inline bool IsReserved(const Run& run) {
  return (internal::InfoOf(run).order & internal::kReserved) != 0;
}

inline void NoteAccess(const Run& run, Access access) {
  uint8_t& bits = internal::InfoOf(run).order;
  bits = static_cast<uint8_t>((bits & ~internal::kAccessMask) |
                              static_cast<uint8_t>(access) << internal::kAccessShift);
}
inline Access AccessOf(const Run& run) {
  return static_cast<Access>((internal::InfoOf(run).order & internal::kAccessMask) >>
                             internal::kAccessShift);
}

// The run of a large object, which begins in its first system page.
inline Run RunOf(const void* object) {
  Arena* const arena = space.OwnerOf(Address(object));
  SA_CHECK(arena != nullptr);
  const Pages page = arena->PageOf(Address(object));
  const Pages first = arena->whole ? 0 : arena->info[page].first;
  const PageInfo& info = arena->info[first];
  SA_CHECK(info.kind == PageKind::kLarge && info.first == first && page - first < SystemPage());
  return {arena, first, info.next};
}

// The run of a large object, live or freed last, that the address lies in: any address, whose pages
// may be given back just now.
inline bool FindRun(const void* address, Run* run) {
  Arena* const arena = space.OwnerOf(Address(address));
  if (arena == nullptr) return false;
  const Pages page = arena->whole ? 0 : arena->PageOf(Address(address));
  if (KindOf(arena->info[page]) != PageKind::kLarge) return false;
  const Pages first = __atomic_load_n(&arena->info[page].first, __ATOMIC_RELAXED);
  if (first > page) return false;
  *run = {arena, first, __atomic_load_n(&arena->info[first].next, __ATOMIC_RELAXED)};
  return page - first < run->count;
}

// The object of a run, from its start to the end of the pages.
struct Extent {
  char* object;
  size_t size;   // of all that
  size_t slack;  // of that not asked for; 0: it ends at the guard page, which is the check

  size_t request() const { return size - slack; }
  // It begins where its pages do, and something is left behind it.
  bool IsAtFrontOf(const Run& run) const { return object == run.address() && slack > 0; }
};

inline Extent ExtentOf(const Run& run) {
  const PageInfo& info = internal::InfoOf(run);
  const size_t before = size_t{info.start} << kGranuleShift;
  return {run.address() + before, run.bytes() - before, info.slack};
}

// Of the object of a run. (In the shadow it would take a page, for want of others near.)
inline uint8_t* StateOf(const Run& run) { return internal::InfoOf(run).state; }

// Of an object that may begin at the address, which lies below the high mark of the space.
inline uint8_t* StateOf(const void* address) {
  uint8_t* const shadow = space.ShadowOf(address);
  if (LoadShadow(shadow) != 0) [[likely]] return shadow;
  Run run;
  return FindRun(address, &run) && ExtentOf(run).object == address ? StateOf(run) : shadow;
}

// `before`: bytes of the run before the object, less than a system page.
inline void SetExtent(const Run& run, size_t before, size_t request) {
  PageInfo& info = internal::InfoOf(run);
  info.start = static_cast<uint16_t>(before >> kGranuleShift);
  info.slack = static_cast<uint32_t>(run.bytes() - before - request);
  const Extent extent = ExtentOf(run);
  if (extent.slack > 0) SetCheckBytes(extent.object, extent.size, extent.slack);
}

}  // namespace secure_alloc
