// A binary buddy system over the pages of one arena (Knuth, TAOCP 1, 2.5; Robson 1974
// bounds what fragmentation can cost: log2 of the size ratio). It works on page
// indices and PageInfo only, never on the pages: the tests run it on no memory.
//
// Invariants
// 1. A free run of order k starts at a multiple of 2^k, is 2^k pages long, and is on
//    the list of order k; its first page is kFreeHead, the others kFreeBody.
// 2. Two free buddies of one order never exist: they are merged at once.
// 3. A page that was never given, or is allocated, is in no free run.
// Not thread-safe: the page heap locks.
#pragma once

#include <cstdint>

#include "allocator/base/bits.h"

namespace secure_alloc {

enum class PageKind : uint8_t {
  kAbsent = 0,  // not given to the buddy, or withdrawn from it
  kFreeHead,
  kFreeBody,
  kAllocated,  // handed out; the owner of the run may say more:
  kSlab,
  kLarge,
  kGuard,
};

struct PageInfo {
  uint32_t first;  // first page of the run; for a free head: previous free head
  uint32_t next;   // free head: next free head; first page of a large run: its pages
  uint32_t slack;  // first page of a large run: bytes behind what was asked for
  PageKind kind;
  uint8_t order;   // free head: log2 of its pages; first page of a large run: LargeStore's
  bool prepared : 1;  // the source has made this page ready for use
  bool in_copy : 1;   // and it is ready in the copy for a child; see PageHeap
  bool seam;       // page of a large run: a mapping of its own may begin here; LargeStore's
  uint16_t start;  // first page of a large run: granules before the object
  uint8_t state[2];  // first page of a large run: what a slot has in its shadow
};

// Relaxed: who owns a run says more of its pages (a slab) without the lock under which others
// look whether they are free or in use. They are not free, and in use, before and after.
inline PageKind KindOf(const PageInfo& info) {
  return static_cast<PageKind>(
      __atomic_load_n(reinterpret_cast<const uint8_t*>(&info.kind), __ATOMIC_RELAXED));
}
inline void SayKind(PageInfo& info, PageKind kind) {
  __atomic_store_n(reinterpret_cast<uint8_t*>(&info.kind), static_cast<uint8_t>(kind),
                   __ATOMIC_RELAXED);
}

class Buddy {
 public:
  static constexpr unsigned kOrders = 16;  // up to 2^15 pages: 128 MiB
  static constexpr uint32_t kNone = UINT32_MAX;

  constexpr Buddy() = default;
  void Init(PageInfo* info, uint32_t pages);

  struct FreeRun {
    uint32_t first;
    unsigned order;
  };
  // Adds pages to the free ones: new ones, or pieces of an allocated run. Returns the free
  // run that the last of them are in now. count > 0.
  FreeRun Give(uint32_t first, uint32_t count);
  // The first page of a run of 2^order pages, all kAllocated, or kNone.
  uint32_t Take(unsigned order);

  // Takes pages that are free out: none of them is there any more, until they are given again.
  void Withdraw(uint32_t first, uint32_t count);
  bool AllFree(uint32_t first, uint32_t count) const;

  // Would Take() find one?
  bool Has(unsigned order) const {
    while (order < kOrders && free_runs_[order] == 0) ++order;
    return order < kOrders;
  }

  uint32_t free_pages() const { return free_pages_; }
  uint32_t free_runs(unsigned order) const { return free_runs_[order]; }

 private:
  uint32_t HeadOf(uint32_t page) const;
  FreeRun GiveRun(uint32_t first, unsigned order);
  void Push(uint32_t head, unsigned order);
  void Remove(uint32_t head);

  PageInfo* info_ = nullptr;
  uint32_t pages_ = 0;
  uint32_t free_pages_ = 0;
  uint32_t heads_[kOrders] = {};
  uint32_t free_runs_[kOrders] = {};
};

}  // namespace secure_alloc
