// Wiping and checking slots. Lengths are multiples of 16, addresses too.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include "allocator/base/wide_vectors.h"
#endif

namespace secure_alloc {

// Sixteen bytes at a time, in memory of any type.
using Vector [[gnu::may_alias]] = long long __attribute__((vector_size(16)));

// Up to so many bytes, the size of a slot, inlined straight code wins over outlined loops: more of
// them if the processor has AVX2.
inline constexpr size_t kInlineBytes = 256;
inline constexpr size_t kWideInlineBytes = 2064;
extern constinit size_t last_inline_byte;  // one of the two, less one
// At start-up; until then it is the less.
void FindWideVectors();

inline bool HasWideVectors() { return last_inline_byte == kWideInlineBytes - 1; }

void WipeLong(void* address, size_t length);
// The same for memory that a program may have left alone: what is zero is only read, so pages that
// nobody wrote to need no memory for it.
void WipeWritten(void* address, size_t length);
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

// For slots: 32 bytes or more, up to the last inline byte.
[[gnu::always_inline]] inline void WipeInline(void* address, size_t length);
[[gnu::always_inline]] inline bool IsZeroInline(const void* address, size_t length);

// For slots of any size.
inline void Wipe(void* address, size_t length) {
  length - 1 <= last_inline_byte ? WipeInline(address, length) : WipeLong(address, length);
}

inline bool IsZero(const void* address, size_t length) {
  return length - 1 <= last_inline_byte ? IsZeroInline(address, length)
                                        : IsZeroLong(address, length);
}

// Any address and length; not to be optimised away.
void WipeBytes(void* address, size_t length);

// Copies what other threads may be writing to meanwhile: each vector is one that was there. So it
// is meant, and the thread sanitizer need not tell.
void CopyWritten(void* to, const void* from, size_t length);

namespace internal {

struct Wiping {
  // The first and the last kCount vectors of a range, which may overlap: no loop whose end has to
  // be guessed, only a few sizes of straight code.
  template <size_t kCount>
  [[gnu::always_inline]] static void Ends(char* begin, size_t length) {
    char* const tail = begin + length - kCount * sizeof(Vector);
#pragma GCC unroll 8
    for (size_t i = 0; i < kCount; ++i) {
      *reinterpret_cast<Vector*>(begin + i * sizeof(Vector)) = Vector{};
      *reinterpret_cast<Vector*>(tail + i * sizeof(Vector)) = Vector{};
    }
  }
#if defined(__x86_64__)
  [[gnu::always_inline]] static void Four(char* begin, size_t length) {
    wide::WipeFour(begin, length);
  }
  template <size_t kCount>
  [[gnu::always_inline]] static void WideEnds(char* begin, size_t length) {
    wide::WipeEnds<kCount>(begin, length);
  }
  [[gnu::always_inline]] static void Row(char* begin, size_t length) {
    wide::WipeRow(begin, length);
  }
#endif
};

struct Checking {
  template <size_t kCount>
  [[gnu::always_inline]] static bool Ends(const char* begin, size_t length) {
    const char* const tail = begin + length - kCount * sizeof(Vector);
    Vector any = {};
#pragma GCC unroll 8
    for (size_t i = 0; i < kCount; ++i) {
      any |= *reinterpret_cast<const Vector*>(begin + i * sizeof(Vector));
      any |= *reinterpret_cast<const Vector*>(tail + i * sizeof(Vector));
    }
    return IsZeroVector(any);
  }
#if defined(__x86_64__)
  [[gnu::always_inline]] static bool Four(const char* begin, size_t length) {
    return wide::AreFourZero(begin, length);
  }
  template <size_t kCount>
  [[gnu::always_inline]] static bool WideEnds(const char* begin, size_t length) {
    return wide::AreEndsZero<kCount>(begin, length);
  }
  [[gnu::always_inline]] static bool Row(const char* begin, size_t length) {
    return wide::IsRowZero(begin, length);
  }
#endif
};

// A branch that is guessed wrong costs as much as a dozen stores: so few steps, and they are close
// where programs have most objects.
template <typename Work, typename Char>
[[gnu::always_inline]] inline auto StraightCode(Char* begin, size_t length) {
#if defined(__x86_64__)
  static_assert(kWideInlineBytes <= wide::kLongestRow);
  if (HasWideVectors()) [[likely]] {
    if (length <= 128) return Work::Four(begin, length);
    if (length <= wide::kMostOfEnds<4>) return Work::template WideEnds<4>(begin, length);
    if (length <= wide::kMostOfEnds<6>) return Work::template WideEnds<6>(begin, length);
    if (length <= wide::kMostOfEnds<8>) return Work::template WideEnds<8>(begin, length);
    return Work::Row(begin, length);
  }
#endif
  if (length <= 64) return Work::template Ends<2>(begin, length);
  if (length <= 128) return Work::template Ends<4>(begin, length);
  return Work::template Ends<8>(begin, length);
}

}  // namespace internal

inline void WipeInline(void* address, size_t length) {
  internal::StraightCode<internal::Wiping>(static_cast<char*>(address), length);
  KeepStores(address);
}

inline bool IsZeroInline(const void* address, size_t length) {
  return internal::StraightCode<internal::Checking>(static_cast<const char*>(address), length);
}

}  // namespace secure_alloc
