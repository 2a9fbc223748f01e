// Pages of ordinary arenas that live promotion (allocator/promote) made secret where they lie.
// They must be ordinary again before they go back: their memory is charged, and the kernel
// keeps it until its file dies. Who gives pages back says so here first.
#pragma once

#include <atomic>
#include <cstddef>

namespace secure_alloc {

struct PromotedPages {
  // In the space. Relaxed: who frees pages has seen them promoted, and so all that was set before.
  std::atomic<size_t> bytes{0};
  std::atomic<bool (*)(void* address, size_t length)> release{nullptr};  // set before bytes
};
extern constinit PromotedPages promoted_pages;

// [address, address + length) is free, and nobody's but the caller's. Zero afterwards where
// it was promoted. False: for want of map entries, memory or rights some stay as they are, and are
// known as such: nothing may be mapped over them, moved away or unmapped.
[[nodiscard]] inline bool MakeOrdinary(void* address, size_t length) {
  if (promoted_pages.bytes.load(std::memory_order_relaxed) == 0) [[likely]]
    return true;
  return promoted_pages.release.load(std::memory_order_relaxed)(address, length);
}

}  // namespace secure_alloc
