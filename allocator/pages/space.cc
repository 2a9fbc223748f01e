#include "allocator/pages/space.h"

#include <algorithm>

#include "allocator/base/fault.h"
#include "allocator/base/guarded.h"
#include "allocator/os/os.h"
#include "allocator/pages/arena.h"

namespace secure_alloc {
namespace {

// 1 TiB leaves 127 of the 128 TiB of x86-64 to the program. 256 MiB starts even under a
// tight RLIMIT_AS; below that a program can't do much.
constexpr size_t kLargest = size_t{1} << 40;
constexpr size_t kSmallest = 256 * kMiB;

// Of a space that is nearly full, what only secrets get.
constexpr size_t kSecretShare = 8;

// The owner of a span that is taken while its arena is being made.
Arena* Taken() { return reinterpret_cast<Arena*>(uintptr_t{1}); }

}  // namespace

constinit Space space;

bool Space::Init() {
  // Of a limited address space a quarter is left to the program's own mappings.
  const size_t limit = os::AddressSpaceLimit();
  const size_t most = limit == SIZE_MAX ? kLargest : std::max(kSmallest, limit / 4 * 3);
  for (size_t size = std::min(most, kLargest); size >= kSmallest; size -= size / 8) {
    if (TryReserve(RoundDown(size, kSpanSize))) return true;
  }
  return false;
}

bool Space::TryReserve(size_t size) {
  const size_t shadow_size = size >> kGranuleShift;
  const size_t owners_size = size / kSpanSize * sizeof(Arena*);
  // One span more, so that the first can be aligned.
  void* const range = os::Reserve(size + kSpanSize);
  char* const shadow = ReserveGuarded(shadow_size);
  char* const owners = MapGuarded(owners_size);
  if (range == nullptr || shadow == nullptr || owners == nullptr) {
    if (range != nullptr) os::Unmap(range, size + kSpanSize);
    UnmapGuarded(shadow, shadow_size);
    UnmapGuarded(owners, owners_size);
    return false;
  }
  base_ = RoundUp(Address(range), kSpanSize);
  size_ = size;
  spans_ = size / kSpanSize;
  shadow_ = reinterpret_cast<uint8_t*>(shadow);
  shadow_bias_ = Address(shadow) - (base_ >> kGranuleShift);
  owners_ = reinterpret_cast<std::atomic<Arena*>*>(owners);
  return true;
}

bool Space::AllFree(size_t first, size_t count) const {
  for (size_t i = first; i < first + count; ++i) {
    if (owners_[i].load(std::memory_order_relaxed) != nullptr) return false;
  }
  return true;
}

bool Space::RaiseHighMark(size_t spans) {
  constexpr size_t kGranules = kSpanSize >> kGranuleShift;
  const size_t old = granules() / kGranules;
  if (spans <= old) return true;
  if (os::Commit(shadow_ + old * kGranules, (spans - old) * kGranules) != 0) return false;
  granules_.store(spans * kGranules, std::memory_order_relaxed);
  return true;
}

uintptr_t Space::TakeSpans(size_t count, bool dumped) {
  MutexLock lock(mutex_);
  // Ordinary memory can't take the last of the space: secrets have it to themselves.
  const size_t limit = dumped ? spans_ - spans_ / kSecretShare : spans_;
  for (size_t first = first_free_; first + count <= limit; ++first) {
    const uintptr_t address = base_ + first * kSpanSize;
    if (!AllFree(first, count)) continue;
    if (!RaiseHighMark(first + count)) return 0;
    for (size_t i = first; i < first + count; ++i) {
      owners_[i].store(Taken(), std::memory_order_relaxed);
    }
    if (first == first_free_) first_free_ += count;
    os::SetDumped(reinterpret_cast<void*>(address), count * kSpanSize, dumped);
    return address;
  }
  return 0;
}

void Space::GiveSpans(uintptr_t first, size_t count) {
  // Stale shadow would be a lie about the next owner's objects. Spans have whole pages of it.
  DropShadow(reinterpret_cast<void*>(first), count * kSpanSize);
  // Under the lock: who takes them next has seen all that was done there.
  MutexLock lock(mutex_);
  SetOwner(first, count, nullptr);
  first_free_ = std::min(first_free_, (first - base_) / kSpanSize);
}

void Space::LoseSpans(uintptr_t first, size_t count) {
  DropShadow(reinterpret_cast<void*>(first), count * kSpanSize);
  SetOwner(first, count, Taken());
}

void Space::DropShadow(const void* address, size_t length) {
  const uintptr_t begin = RoundUp(Address(ShadowOf(address)), os::PageSize());
  const uintptr_t end =
      RoundDown(Address(ShadowOf(address)) + (length >> kGranuleShift), os::PageSize());
  if (begin < end) SA_CHECK(os::Discard(reinterpret_cast<void*>(begin), end - begin) == 0);
}

void Space::FaultInShadow(const void* address, size_t length) {
  uint8_t* const end = ShadowOf(address) + (length >> kGranuleShift);
  for (uint8_t* at = ShadowOf(address); at < end; at += kPageSize) {
    __atomic_fetch_or(at, 0, __ATOMIC_RELAXED);
  }
  __atomic_fetch_or(end - 1, 0, __ATOMIC_RELAXED);
}

void Space::SetOwner(uintptr_t first, size_t count, Arena* arena) {
  const size_t begin = (first - base_) / kSpanSize;
  for (size_t i = begin; i < begin + count; ++i) {
    // Release pairs with the acquire in OwnerOf(): the arena is complete.
    owners_[i].store(arena, std::memory_order_release);
  }
}

Arena* Space::OwnerOf(uintptr_t address) const {
  if (!Contains(address)) return nullptr;
  Arena* const arena = owners_[(address - base_) / kSpanSize].load(std::memory_order_acquire);
  if (arena == nullptr || arena == Taken() || !arena->Covers(address)) return nullptr;
  return arena;
}

}  // namespace secure_alloc
