// One range of pages from one source, and all that is known about it.
//
//   span(s):   ....[ base: pages from the source ]....     around it: reserved, inaccessible
//   metadata:  [guard| Arena | PageInfo per page | run records |guard]   elsewhere
//
// The metadata are reserved with the arena, lie outside user pages, and leave with it.
// A run record is room that the layer above fills for the run that starts at a page.
//
// Invariants
// 1. Only pages below `grown` exist; they are in the buddy, in a run, or absent: given back since.
// 2. Pages in the buddy are zero.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "allocator/pages/buddy.h"
#include "allocator/pages/source.h"

namespace secure_alloc {

class PageHeap;

inline constexpr size_t kRunRecordSize = 128;

struct Arena {
  uintptr_t base;
  Pages capacity;  // pages that fit
  Pages grown;     // pages that the source has given
  Pages absent;    // of those, reserved space again: see PageHeap::Trim
  Pages small;     // from the base: pages that ask not to be in huge ones; see Discard
  Pages file_pages;  // the others go back in files of so many, 0: only all at once
  const Source* source;
  PageHeap* heap;
  PageInfo* info;   // capacity entries
  char* records;    // one of kRunRecordSize for each aligned group of record_pages
  Pages record_pages;
  uintptr_t first_span;
  uint32_t spans;
  bool whole;       // one run fills it, it leaves when that is freed; no buddy
  bool reserved;    // stays until the page heap ends
  std::atomic<bool> sealed;  // the kernel lets nobody change its mapping: it stays, as it is
  bool littered;    // some of it could not be reserved again: nobody may come there
  bool exhausted;   // its source makes no more of its pages ready; until some are freed
  Buddy buddy;
  Arena* next;      // in the page heap's list
  Arena* previous;
  void* fork_copy;       // mapped for the child about to be made; see PageHeap
  size_t metadata_size;  // of the whole mapping that this struct is in

  char* AddressOf(Pages page) const { return reinterpret_cast<char*>(base) + BytesOf(page); }
  Pages PageOf(uintptr_t address) const {
    return static_cast<Pages>((address - base) >> kPageShift);
  }
  // Without the page heap's lock. Relaxed: who knows an object there has seen the arena grow so
  // far.
  bool Covers(uintptr_t address) const {
    return address - base < BytesOf(__atomic_load_n(&grown, __ATOMIC_RELAXED));
  }
  // Without it, too: what an object is in stays present.
  bool IsPresent(Pages page) const {
    return __atomic_load_n(&absent, __ATOMIC_RELAXED) == 0 ||
           KindOf(info[page]) != PageKind::kAbsent;
  }
  void SetAbsent(Pages pages) { __atomic_store_n(&absent, pages, __ATOMIC_RELAXED); }
  void* RecordOf(Pages page) const { return records + page / record_pages * kRunRecordSize; }
  Pages present() const { return grown - absent; }
  Pages free_pages() const { return whole ? 0 : buddy.free_pages(); }
  bool empty() const { return free_pages() == present(); }
  // May it leave, now that nothing is in it?
  bool idle() const {
    return empty() && !reserved && !sealed.load(std::memory_order_relaxed);
  }
  size_t bytes() const { return BytesOf(grown); }  // of its addresses

  // Metadata for `capacity` pages, zero but for capacity, info, records; null: no memory.
  [[nodiscard]] static Arena* New(Pages capacity, Pages record_pages);
  static void Delete(Arena* arena);
  // Without the page heap's lock. Gives the memory of ordinary pages back, but not their addresses.
  // From then on the arena asks for no huge pages: one page that is left is enough for khugepaged
  // to bring all the others back.
  void Discard(char* address, size_t length);
  // Touches all metadata, so that using the arena causes no page fault.
  void FaultInMetadata();
};

// Pages handed out together.
struct Run {
  Arena* arena = nullptr;
  Pages first = 0;
  Pages count = 0;

  char* address() const { return arena->AddressOf(first); }
  size_t bytes() const { return BytesOf(count); }
};

}  // namespace secure_alloc
