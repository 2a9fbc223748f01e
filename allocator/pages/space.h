// The one address range that holds every arena, and its shadow.
//
//   |<-span->|<-span->| ...          |                    |   spans of 4 MiB
//   base                             high                 base + size
//   shadow: one byte for each 16-byte granule of the range, elsewhere in memory
//
// "Is it ours" is one subtraction and compare, "what is it" one load more. Range and
// shadow are address space without memory until spans are taken, from the bottom
// upwards; they shrink from 1 TiB to 256 MiB where address space is limited. The
// kernel's address randomisation places both.
//
// Invariants
// 1. The shadow below `high` can be read and written, whoever owns the span.
// 2. A shadow byte is zero unless object.h says otherwise for that granule.
// 3. A span has at most one owner; its arena lies wholly inside its spans.
// Locking: spans by mutex_ (rank 6), taken only under a page heap's lock, so fork need not. Base
// and shadow are constant after Init(); the high mark only grows, and who holds a pointer to an
// object has seen it grow.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "allocator/base/bits.h"
#include "allocator/base/mutex.h"

namespace secure_alloc {

struct Arena;

inline constexpr size_t kGranuleShift = 4;
inline constexpr size_t kGranule = size_t{1} << kGranuleShift;
inline constexpr size_t kSpanSize = 4 * kMiB;

class Space {
 public:
  constexpr Space() = default;

  // False when not even the smallest range can be had.
  [[nodiscard]] bool Init();

  // The index of the granule that starts at `address`, or at least granules() for one
  // that is foreign or not 16-byte aligned: the rotation puts the low bits on top.
  uint64_t GranuleIndex(uintptr_t address) const {
    const uint64_t offset = address - base_;
    return offset >> kGranuleShift | offset << (64 - kGranuleShift);
  }
  uint64_t granules() const { return granules_.load(std::memory_order_relaxed); }
  uint8_t* shadow(uint64_t granule) const { return shadow_ + granule; }
  // Of an address inside the range.
  uint8_t* ShadowOf(const void* address) const {
    return reinterpret_cast<uint8_t*>(shadow_bias_ + (Address(address) >> kGranuleShift));
  }

  bool Contains(uintptr_t address) const { return address - base_ < size_; }
  size_t size() const { return size_; }

  // `count` neighbouring spans, their shadow zero, or 0. `dumped`: for ordinary memory, that
  // core dumps shall have.
  [[nodiscard]] uintptr_t TakeSpans(size_t count, bool dumped);
  void GiveSpans(uintptr_t first, size_t count);
  // Theirs is nobody's, for ever.
  void LoseSpans(uintptr_t first, size_t count);

  // Gives back the pages of the shadow that belong to [address, address + length) alone:
  // they are zero then.
  void DropShadow(const void* address, size_t length);

  // Touches the shadow of a range, so that it causes no page fault later.
  void FaultInShadow(const void* address, size_t length);

  // Publishes the owner of taken spans.
  void SetOwner(uintptr_t first, size_t count, Arena* arena);
  // The arena that has pages at the address, or had them and keeps their place; null if none does.
  Arena* OwnerOf(uintptr_t address) const;

 private:
  [[nodiscard]] bool TryReserve(size_t size);
  bool AllFree(size_t first, size_t count) const SA_REQUIRES(mutex_);
  [[nodiscard]] bool RaiseHighMark(size_t spans) SA_REQUIRES(mutex_);

  uintptr_t base_ = 0;
  uint8_t* shadow_ = nullptr;
  uintptr_t shadow_bias_ = 0;  // shadow_ less the granules below the base
  std::atomic<uint64_t> granules_{0};  // below the high mark
  size_t size_ = 0;
  size_t spans_ = 0;
  std::atomic<Arena*>* owners_ = nullptr;  // an entry a span

  Mutex mutex_;
  size_t first_free_ SA_GUARDED_BY(mutex_) = 0;  // no free span below it
};

[[gnu::visibility("hidden")]] extern constinit Space space;

}  // namespace secure_alloc
