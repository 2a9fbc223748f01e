// Straight code to wipe and check slots by vectors of 16 bytes. Lengths are multiples of 16,
// addresses too.
#pragma once

#include <cstddef>

#include "allocator/base/vector.h"

namespace secure_alloc::internal {

inline constexpr size_t kInlineBytes = 256;

// The first and the last kCount vectors of a range, which may overlap: no loop whose end has to be
// guessed, only a few sizes of straight code.
struct Wiping {
  template <size_t kCount>
  [[gnu::always_inline]] static void Ends(char* begin, size_t length) {
    char* const tail = begin + length - kCount * sizeof(Vector);
#pragma GCC unroll 8
    for (size_t i = 0; i < kCount; ++i) {
      *reinterpret_cast<Vector*>(begin + i * sizeof(Vector)) = Vector{};
      *reinterpret_cast<Vector*>(tail + i * sizeof(Vector)) = Vector{};
    }
  }
};

// True: all is zero.
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
};

template <typename Work, typename Char>
[[gnu::always_inline]] inline auto StraightCode(Char* begin, size_t length) {
  if (length <= 64) return Work::template Ends<2>(begin, length);
  if (length <= 128) return Work::template Ends<4>(begin, length);
  return Work::template Ends<8>(begin, length);
}

}  // namespace secure_alloc::internal
