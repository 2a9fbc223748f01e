// Wiping and checking by vectors of 32 bytes, for x86-64 with AVX2; compiled for processors without
// it too, which must not come here. Lengths are multiples of 16, addresses too.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace secure_alloc::wide {

// Four vectors, for 32 to 128 bytes without a branch: the two inner ones are as far in as the range
// is long.
inline size_t InnerStep(size_t length) { return std::min<size_t>(length - 32, 32); }

[[gnu::always_inline]] inline void WipeFour(char* begin, size_t length) {
  char* const tail = begin + length - 32;
  const size_t step = InnerStep(length);
  asm volatile("vpxor %%xmm0, %%xmm0, %%xmm0\n\t"
               "vmovdqu %%ymm0, (%[begin])\n\t"
               "vmovdqu %%ymm0, (%[begin], %[step])\n\t"
               "vmovdqu %%ymm0, (%[inner])\n\t"
               "vmovdqu %%ymm0, (%[tail])\n\t"
               "vzeroupper"
               :
               : [begin] "r"(begin), [step] "r"(step), [inner] "r"(tail - step), [tail] "r"(tail)
               : "xmm0", "memory");
}

[[gnu::always_inline]] inline bool AreFourZero(const char* begin, size_t length) {
  const char* const tail = begin + length - 32;
  const size_t step = InnerStep(length);
  bool zero;
  asm volatile("vmovdqu (%[begin]), %%ymm0\n\t"
               "vpor (%[begin], %[step]), %%ymm0, %%ymm0\n\t"
               "vpor (%[inner]), %%ymm0, %%ymm0\n\t"
               "vpor (%[tail]), %%ymm0, %%ymm0\n\t"
               "vptest %%ymm0, %%ymm0\n\t"
               "vzeroupper"
               : "=@ccz"(zero)
               : [begin] "r"(begin), [step] "r"(step), [inner] "r"(tail - step), [tail] "r"(tail)
               : "xmm0", "memory");
  return zero;
}

// The first and the last kCount vectors of a range, which may overlap, and half a one between them,
// which ranges of a power of two and a header need: no loop whose end has to be guessed.
#define SA_ENDS(instruction_begin, instruction_tail)                     \
  ".set SA_offset, 0\n\t"                                                \
  ".rept %c[count]\n\t" instruction_begin "\n\t" instruction_tail "\n\t" \
  ".set SA_offset, SA_offset + 32\n\t"                                   \
  ".endr\n\t"

// The longest range. The shortest has kCount vectors and a half.
template <size_t kCount>
inline constexpr size_t kMostOfEnds = kCount * 64 + 16;

template <size_t kCount>
[[gnu::always_inline]] inline void WipeEnds(char* begin, size_t length) {
  asm volatile("vpxor %%xmm0, %%xmm0, %%xmm0\n\t" SA_ENDS(
                   "vmovdqu %%ymm0, SA_offset(%[begin])", "vmovdqu %%ymm0, SA_offset(%[tail])")
               "vmovdqu %%xmm0, SA_offset(%[begin])\n\t"
               "vzeroupper"
               :
               : [begin] "r"(begin), [tail] "r"(begin + length - kCount * 32), [count] "i"(kCount)
               : "xmm0", "memory");
}

template <size_t kCount>
[[gnu::always_inline]] inline bool AreEndsZero(const char* begin, size_t length) {
  bool zero;
  asm volatile("vmovdqu %c[count] * 32(%[begin]), %%xmm0\n\t"
               "vpxor %%xmm1, %%xmm1, %%xmm1\n\t" SA_ENDS(
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

#undef SA_ENDS

// A row: the first and the last vector, and between them aligned ones, so that none crosses a line
// of the CPU's caches. They are the last ones of the code for the longest range, jumped into: no
// more than needed, if the CPU guesses the way, so for long ranges only.
inline constexpr size_t kLongestRow = 2064;
inline constexpr size_t kAligned = (kLongestRow - 16) / 32;
static_assert(kAligned % 2 == 0);

// However the range lies, so many reach from the first vector to the last multiple of 32, and none
// in front of it: their number depends on the length alone, for the CPU's guess.
inline size_t CountOfAligned(size_t length) { return (length - 16) / 32; }
inline uint64_t EndOfAligned(const char* end) { return reinterpret_cast<uint64_t>(end) & ~31ull; }

// Each instruction of the row has eight bytes, if its address is in one of the first registers.
#define SA_INTO_ROW                    \
  "lea 1f(%%rip), %[way]\n\t"          \
  "sub %[behind], %[way]\n\t"          \
  "notrack jmp *%[way]\n\t"            \
  ".set SA_offset, -32 * %c[most]\n\t" \
  ".rept %c[most] / 2\n\t"
#define SA_NEXT "\n\t.set SA_offset, SA_offset + 32\n\t"
#define SA_END_OF_ROW ".endr\n1:\n\t"

[[gnu::always_inline]] inline void WipeRow(char* begin, size_t length) {
  uint64_t way;
  asm volatile("vpxor %%xmm0, %%xmm0, %%xmm0\n\t"
               "vmovdqu %%ymm0, (%[begin])\n\t"
               "vmovdqu %%ymm0, -32(%[begin], %[length])\n\t" SA_INTO_ROW
               "%{disp32%} vmovdqa %%ymm0, SA_offset(%[end])" SA_NEXT
               "%{disp32%} vmovdqa %%ymm0, SA_offset(%[end])" SA_NEXT SA_END_OF_ROW "vzeroupper"
               : [way] "=&r"(way)
               : [begin] "r"(begin), [length] "r"(length), [end] "Q"(EndOfAligned(begin + length)),
                 [behind] "r"(CountOfAligned(length) * 8), [most] "i"(kAligned)
               : "xmm0", "memory", "cc");
}

[[gnu::always_inline]] inline bool IsRowZero(const char* begin, size_t length) {
  uint64_t way;
  bool zero;
  asm volatile("vmovdqu (%[begin]), %%ymm0\n\t"
               "vmovdqu -32(%[begin], %[length]), %%ymm1\n\t" SA_INTO_ROW
               "%{disp32%} vpor SA_offset(%[end]), %%ymm0, %%ymm0" SA_NEXT
               "%{disp32%} vpor SA_offset(%[end]), %%ymm1, %%ymm1" SA_NEXT SA_END_OF_ROW
               "vpor %%ymm1, %%ymm0, %%ymm0\n\t"
               "vptest %%ymm0, %%ymm0\n\t"
               "vzeroupper"
               : [way] "=&r"(way), "=@ccz"(zero)
               : [begin] "r"(begin), [length] "r"(length), [end] "Q"(EndOfAligned(begin + length)),
                 [behind] "r"(CountOfAligned(length) * 8), [most] "i"(kAligned)
               : "xmm0", "xmm1", "memory");
  return zero;
}

#undef SA_INTO_ROW
#undef SA_NEXT
#undef SA_END_OF_ROW

}  // namespace secure_alloc::wide
