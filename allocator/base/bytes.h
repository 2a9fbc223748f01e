// Wiping and checking slots. Lengths are multiples of 16, addresses too.
#pragma once

#include <cstddef>
#include <cstdint>

namespace secure_alloc {

// Sixteen bytes at a time, in memory of any type.
using Vector [[gnu::may_alias]] = long long __attribute__((vector_size(16)));

// Above this, outlined loops with wider accesses win over inlined ones.
inline constexpr size_t kInlineBytes = 256;

void WipeLong(void* address, size_t length);
bool IsZeroLong(const void* address, size_t length);

// Keeps the compiler from dropping stores to memory that is about to be given up.
inline void KeepStores(const void* address) { asm volatile("" : : "r"(address) : "memory"); }

inline bool IsZeroVector(Vector v) {
#if defined(__SSE2__)
  using Bytes = char __attribute__((vector_size(16)));
  const Bytes zero = {};
  return __builtin_ia32_pmovmskb128(reinterpret_cast<Bytes>(v) == zero) == 0xFFFF;
#else
  return (v[0] | v[1]) == 0;
#endif
}

namespace internal {

// Stores to the first and the last kCount vectors of a range, which may overlap: no loop
// whose end has to be guessed, only a few sizes of straight code.
template <size_t kCount>
[[gnu::always_inline]] inline void WipeEnds(char* begin, size_t length) {
  char* const tail = begin + length - kCount * sizeof(Vector);
#pragma GCC unroll 32
  for (size_t i = 0; i < kCount; ++i) {
    *reinterpret_cast<Vector*>(begin + i * sizeof(Vector)) = Vector{};
    *reinterpret_cast<Vector*>(tail + i * sizeof(Vector)) = Vector{};
  }
}

template <size_t kCount>
[[gnu::always_inline]] inline bool AreEndsZero(const char* begin, size_t length) {
  const char* const tail = begin + length - kCount * sizeof(Vector);
  Vector any = {};
#pragma GCC unroll 32
  for (size_t i = 0; i < kCount; ++i) {
    any |= *reinterpret_cast<const Vector*>(begin + i * sizeof(Vector));
    any |= *reinterpret_cast<const Vector*>(tail + i * sizeof(Vector));
  }
  return IsZeroVector(any);
}

}  // namespace internal

// For slots: 32 bytes or more.
[[gnu::always_inline]] inline void Wipe(void* address, size_t length) {
  char* const begin = static_cast<char*>(address);
  if (length <= 64) {
    internal::WipeEnds<2>(begin, length);
  } else if (length <= 128) {
    internal::WipeEnds<4>(begin, length);
  } else if (length <= kInlineBytes) {
    internal::WipeEnds<8>(begin, length);
  } else {
    WipeLong(address, length);
  }
  KeepStores(address);
}

[[gnu::always_inline]] inline bool IsZero(const void* address, size_t length) {
  const char* const begin = static_cast<const char*>(address);
  if (length <= 64) return internal::AreEndsZero<2>(begin, length);
  if (length <= 128) return internal::AreEndsZero<4>(begin, length);
  if (length <= kInlineBytes) return internal::AreEndsZero<8>(begin, length);
  return IsZeroLong(address, length);
}

// Any address and length; not to be optimised away.
void WipeBytes(void* address, size_t length);

}  // namespace secure_alloc
