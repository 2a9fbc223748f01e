// Wiping and checking slots. Lengths are multiples of 16, addresses too.
#pragma once

#include <cstddef>
#include <cstdint>

namespace secure_alloc {

// Sixteen bytes at a time, in memory of any type.
using Vector [[gnu::may_alias]] = long long __attribute__((vector_size(16)));

// Above this, the loops with outlined, wider stores win over inlined ones.
inline constexpr size_t kInlineBytes = 512;

void WipeLong(void* address, size_t length);
bool IsZeroLong(const void* address, size_t length);

// Keeps the compiler from dropping stores to memory that is about to be given up.
inline void KeepStores(const void* address) { asm volatile("" : : "r"(address) : "memory"); }

inline void Wipe(void* address, size_t length) {
  if (length > kInlineBytes) [[unlikely]] return WipeLong(address, length);
  char* at = static_cast<char*>(address);
  char* const end = at + length;
  do {
    *reinterpret_cast<Vector*>(at) = Vector{};
    at += sizeof(Vector);
    KeepStores(at);  // Also keeps this loop from becoming a call of memset.
  } while (at != end);
}

inline bool IsZero(const void* address, size_t length) {
  if (length > kInlineBytes) [[unlikely]] return IsZeroLong(address, length);
  const char* at = static_cast<const char*>(address);
  const char* const end = at + length;
  Vector any = {};
  do {
    any |= *reinterpret_cast<const Vector*>(at);
    at += sizeof(Vector);
  } while (at != end);
  return (any[0] | any[1]) == 0;
}

// Any address and length; not to be optimised away.
void WipeBytes(void* address, size_t length);

}  // namespace secure_alloc
