// Wiping and checking slots. Lengths are multiples of 16, addresses too.
#pragma once

#include <cstddef>
#include <cstdint>

namespace secure_alloc {

// Sixteen bytes at a time, in memory of any type.
using Vector [[gnu::may_alias]] = long long __attribute__((vector_size(16)));

// Up to so many bytes inlined straight code wins over outlined loops: more of them if the
// processor has AVX2.
inline constexpr size_t kInlineBytes = 256;
inline constexpr size_t kWideInlineBytes = 1280;
extern constinit size_t last_inline_byte;  // one of the two, less one
// At start-up; until then it is the less.
void FindWideVectors();

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

#if defined(__x86_64__)

// The same with vectors of 32 bytes, in code that is compiled for processors without them.
#define SA_WIDE_ENDS(instruction_begin, instruction_tail) \
  ".set SA_offset, 0\n\t"                                 \
  ".rept %c[count]\n\t" instruction_begin "\n\t" instruction_tail "\n\t" \
  ".set SA_offset, SA_offset + 32\n\t"                    \
  ".endr\n\t"

template <size_t kCount>
[[gnu::always_inline]] inline void WipeWideEnds(char* begin, size_t length) {
  asm volatile("vpxor %%xmm0, %%xmm0, %%xmm0\n\t" SA_WIDE_ENDS(
                   "vmovdqu %%ymm0, SA_offset(%[begin])", "vmovdqu %%ymm0, SA_offset(%[tail])")
               "vzeroupper"
               :
               : [begin] "r"(begin), [tail] "r"(begin + length - kCount * 32), [count] "i"(kCount)
               : "xmm0", "memory");
}

template <size_t kCount>
[[gnu::always_inline]] inline bool AreWideEndsZero(const char* begin, size_t length) {
  bool zero;
  asm volatile("vpxor %%xmm0, %%xmm0, %%xmm0\n\t"
               "vpxor %%xmm1, %%xmm1, %%xmm1\n\t" SA_WIDE_ENDS(
                   "vpor SA_offset(%[begin]), %%ymm0, %%ymm0",
                   "vpor SA_offset(%[tail]), %%ymm1, %%ymm1")
               "vpor %%ymm1, %%ymm0, %%ymm0\n\t"
               "vptest %%ymm0, %%ymm0\n\t"
               "vzeroupper"
               : "=@ccz"(zero)
               : [begin] "r"(begin), [tail] "r"(begin + length - kCount * 32), [count] "i"(kCount)
               : "xmm0", "xmm1", "memory");
  return zero;
}

#undef SA_WIDE_ENDS

#else

template <size_t kCount>
inline void WipeWideEnds(char* begin, size_t length) {
  WipeEnds<2 * kCount>(begin, length);
}

template <size_t kCount>
inline bool AreWideEndsZero(const char* begin, size_t length) {
  return AreEndsZero<2 * kCount>(begin, length);
}

#endif

}  // namespace internal

inline bool HasWideVectors() { return last_inline_byte == kWideInlineBytes - 1; }

// For slots: 32 bytes or more, up to the last inline byte.
[[gnu::always_inline]] inline void WipeInline(void* address, size_t length) {
  char* const begin = static_cast<char*>(address);
  if (length <= 64) {
    internal::WipeEnds<2>(begin, length);
  } else if (!HasWideVectors()) [[unlikely]] {
    length <= 128 ? internal::WipeEnds<4>(begin, length) : internal::WipeEnds<8>(begin, length);
  } else if (length <= 128) {
    internal::WipeWideEnds<2>(begin, length);
  } else if (length <= 256) {
    internal::WipeWideEnds<4>(begin, length);
  } else if (length <= 512) {
    internal::WipeWideEnds<8>(begin, length);
  } else if (length <= 1024) {
    internal::WipeWideEnds<16>(begin, length);
  } else {
    internal::WipeWideEnds<20>(begin, length);
  }
  KeepStores(address);
}

[[gnu::always_inline]] inline bool IsZeroInline(const void* address, size_t length) {
  const char* const begin = static_cast<const char*>(address);
  if (length <= 64) return internal::AreEndsZero<2>(begin, length);
  if (!HasWideVectors()) [[unlikely]] {
    return length <= 128 ? internal::AreEndsZero<4>(begin, length)
                         : internal::AreEndsZero<8>(begin, length);
  }
  if (length <= 128) return internal::AreWideEndsZero<2>(begin, length);
  if (length <= 256) return internal::AreWideEndsZero<4>(begin, length);
  if (length <= 512) return internal::AreWideEndsZero<8>(begin, length);
  if (length <= 1024) return internal::AreWideEndsZero<16>(begin, length);
  return internal::AreWideEndsZero<20>(begin, length);
}

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

}  // namespace secure_alloc
