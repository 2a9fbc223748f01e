// What is known about an object, out of line: its shadow bytes and check bytes.
//
//   slot:    [ asked bytes | check | zeros ... | check ]   (one and the same if slack is 1)
//   shadow:  granule 0: live bit | mark     1, 2: slack      others: 0
//
// Large objects have live bit and mark in PageInfo, and a shadow of zeros.
//
// The slack (slot size - asked size, 1 to 2^13) is kept less one: six bits in the
// second shadow byte, with bit 6 set seven more in the third. None of them has the
// top bit, so no granule but a live object's first ever looks live.
//
// Mitigations: the live bit stops double frees and frees of anything but an object's
// start; the check bytes, which depend on place and a per-process key, stop linear
// overflows from going unnoticed; the zeros of a free slot stop writes after free.
// A granule state is one relaxed byte: two simultaneous frees can both see an object
// live, and are caught when the slot is handed out or flushed twice.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "allocator/base/bytes.h"
#include "allocator/pages/space.h"
#include "allocator/slab/size_class.h"

namespace secure_alloc {

inline constexpr uint8_t kLive = 0x80;

// Odd; set once before the first object.
[[gnu::visibility("hidden")]] extern constinit uint64_t check_key;

// Never zero: a stray terminator is the classic overflow by one.
inline uint8_t CheckByte(const void* object) {
  return static_cast<uint8_t>((Address(object) * check_key) >> 56) | 1;
}

inline uint8_t LoadShadow(const uint8_t* shadow) {
  return __atomic_load_n(shadow, __ATOMIC_RELAXED);
}
inline void StoreShadow(uint8_t* shadow, uint8_t value) {
  __atomic_store_n(shadow, value, __ATOMIC_RELAXED);
}

inline size_t LoadSlack(const uint8_t* shadow) {
  const size_t low = shadow[1];
  if ((low & 0x40) == 0) [[likely]] return low + 1;
  return ((low & 0x3F) | size_t{shadow[2]} << 6) + 1;
}

inline void StoreSlack(uint8_t* shadow, size_t slack) {
  const size_t stored = slack - 1;
  if (stored < 0x40) [[likely]] {
    shadow[1] = static_cast<uint8_t>(stored);
  } else {
    static_assert(std::endian::native == std::endian::little);
    const uint16_t both = static_cast<uint16_t>(0x40 | (stored & 0x3F) | stored >> 6 << 8);
    __builtin_memcpy(shadow + 1, &both, sizeof both);  // One store.
  }
}

// The object is whole now. Whoever looks at all live objects, a signal handler that exits for
// one, finds their check bytes.
inline void SetLive(uint8_t* shadow, unsigned mark) {
  __atomic_signal_fence(__ATOMIC_RELEASE);
  StoreShadow(shadow, static_cast<uint8_t>(kLive | mark));
}

inline constexpr size_t kMaxSlack = size_t{1} << 13;

inline void SetCheckBytes(char* object, size_t slot_size, size_t slack) {
  const uint8_t check = CheckByte(object);
  uint8_t* const bytes = reinterpret_cast<uint8_t*>(object);
  bytes[slot_size - slack] = check;
  bytes[slot_size - 1] = check;
}

inline bool CheckBytesHold(const char* object, size_t slot_size, size_t slack) {
  const uint8_t check = CheckByte(object);
  const uint8_t* const bytes = reinterpret_cast<const uint8_t*>(object);
  return ((bytes[slot_size - slack] ^ check) | (bytes[slot_size - 1] ^ check)) == 0;
}

// Another slack for a live object, which stays whole at every moment: `store` stores the new one,
// at once. What it gives up, or comes to have, is zero.
template <typename Store>
void ChangeSlack(char* object, size_t slot_size, size_t old_slack, size_t slack, Store store) {
  SetCheckBytes(object, slot_size, slack);
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  store();
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  char* const last = object + slot_size - 1;
  char* const old_check = last + 1 - old_slack;
  char* const check = last + 1 - slack;
  if (old_check < check) *old_check = 0;
  char* const given_up = std::min(old_check + 1, last);
  if (check < old_check) WipeBytes(check + 1, static_cast<size_t>(given_up - check - 1));
}

}  // namespace secure_alloc
