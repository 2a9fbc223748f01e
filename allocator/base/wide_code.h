// Straight code to wipe and check slots by vectors of 32 bytes, for x86-64 with AVX2; compiled for
// processors without it too, which must not come here. Lengths are multiples of 16, addresses too.
//
// A check jumps by itself: a flag that the compiler is told of would be kept and asked once more.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace secure_alloc::internal {

inline constexpr size_t kInlineBytes = 2064;

// All of them lose their upper halves.
#define SA_VECTORS                                                                           \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
      "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

// For 32 to 128 bytes without a branch: a vector at each end and two within, as far from the ends
// as the range is long. Distances from the begin.
struct Inner {
  explicit Inner(size_t length)
      : first(std::min<size_t>(length - 32, 32)), second(length - 32 - first) {}
  size_t first, second;
};

// For longer ones kCount vectors at each end, which may overlap, and half a one between them, which
// ranges of a power of two and a header need: no loop whose end has to be guessed.
#define SA_ENDS(instruction_begin, instruction_tail)                     \
  ".set SA_offset, 0\n\t"                                                \
  ".rept %c[count]\n\t" instruction_begin "\n\t" instruction_tail "\n\t" \
  ".set SA_offset, SA_offset + 32\n\t"                                   \
  ".endr\n\t"

// The longest range. The shortest has kCount vectors and a half.
template <size_t kCount>
inline constexpr size_t kMostOfEnds = kCount * 64 + 16;

// For the longest a row: the first and the last vector, and between them aligned ones, so that none
// crosses a line of the CPU's caches. They are the last ones of the code for the longest range,
// jumped into: no more than needed, if the CPU guesses the way, so for long ranges only.
inline constexpr size_t kAligned = (kInlineBytes - 16) / 32;
static_assert(kAligned % 2 == 0);

// However the range lies, so many reach from the first vector to the last multiple of 32, and none
// in front of it: their number depends on the length alone, for the CPU's guess. Each instruction
// has nine bytes, as its address is in one of the eight new registers.
inline size_t BytesOfAligned(size_t length) { return (length - 16) / 32 * 9; }

#define SA_INTO_ROW                        \
  "lea (%[begin], %[length]), %%r10\n\t"   \
  "and $-32, %%r10\n\t"                    \
  "lea 1f(%%rip), %%r11\n\t"               \
  "sub %[behind], %%r11\n\t"               \
  "notrack jmp *%%r11\n\t"                 \
  ".set SA_offset, -32 * %c[most]\n\t"     \
  ".rept %c[most] / 2\n\t"
#define SA_NEXT "\n\t.set SA_offset, SA_offset + 32\n\t"
#define SA_END_OF_ROW ".endr\n1:\n\t"

struct Wiping {
  [[gnu::always_inline]] static void Four(char* begin, size_t length) {
    const Inner inner(length);
    asm volatile("vpxor %%xmm0, %%xmm0, %%xmm0\n\t"
                 "vmovdqu %%ymm0, (%[begin])\n\t"
                 "vmovdqu %%ymm0, (%[begin], %[first])\n\t"
                 "vmovdqu %%ymm0, (%[begin], %[second])\n\t"
                 "vmovdqu %%ymm0, -32(%[begin], %[length])\n\t"
                 "vzeroupper"
                 :
                 : [begin] "r"(begin), [first] "r"(inner.first), [second] "r"(inner.second),
                   [length] "r"(length)
                 : "memory", SA_VECTORS);
  }

  template <size_t kCount>
  [[gnu::always_inline]] static void Ends(char* begin, size_t length) {
    asm volatile("vpxor %%xmm0, %%xmm0, %%xmm0\n\t" SA_ENDS(
                     "vmovdqu %%ymm0, SA_offset(%[begin])", "vmovdqu %%ymm0, SA_offset(%[tail])")
                 "vmovdqu %%xmm0, SA_offset(%[begin])\n\t"
                 "vzeroupper"
                 :
                 : [begin] "r"(begin), [tail] "r"(begin + length - kCount * 32), [count] "i"(kCount)
                 : "memory", SA_VECTORS);
  }

  [[gnu::always_inline]] static void Row(char* begin, size_t length) {
    asm volatile("vpxor %%xmm0, %%xmm0, %%xmm0\n\t"
                 "vmovdqu %%ymm0, (%[begin])\n\t"
                 "vmovdqu %%ymm0, -32(%[begin], %[length])\n\t" SA_INTO_ROW
                 "%{disp32%} vmovdqa %%ymm0, SA_offset(%%r10)" SA_NEXT
                 "%{disp32%} vmovdqa %%ymm0, SA_offset(%%r10)" SA_NEXT SA_END_OF_ROW "vzeroupper"
                 :
                 : [begin] "r"(begin), [length] "r"(length), [behind] "r"(BytesOfAligned(length)),
                   [most] "i"(kAligned)
                 : "r10", "r11", "cc", "memory", SA_VECTORS);
  }
};

#define SA_JUMP_UNLESS_ZERO   \
  "vptest %%ymm0, %%ymm0\n\t" \
  "vzeroupper\n\t"            \
  "jnz %l[written]"

// True: all is zero.
struct Checking {
  [[gnu::always_inline]] static bool Four(const char* begin, size_t length) {
    const Inner inner(length);
    asm goto("vmovdqu (%[begin]), %%ymm0\n\t"
             "vpor (%[begin], %[first]), %%ymm0, %%ymm0\n\t"
             "vpor (%[begin], %[second]), %%ymm0, %%ymm0\n\t"
             "vpor -32(%[begin], %[length]), %%ymm0, %%ymm0\n\t" SA_JUMP_UNLESS_ZERO
             :
             : [begin] "r"(begin), [first] "r"(inner.first), [second] "r"(inner.second),
               [length] "r"(length)
             : "cc", "memory", SA_VECTORS
             : written);
    return true;
  written:
    return false;
  }

  template <size_t kCount>
  [[gnu::always_inline]] static bool Ends(const char* begin, size_t length) {
    asm goto("vmovdqu %c[count] * 32(%[begin]), %%xmm0\n\t"
             "vpxor %%xmm1, %%xmm1, %%xmm1\n\t" SA_ENDS(
                 "vpor SA_offset(%[begin]), %%ymm0, %%ymm0",
                 "vpor SA_offset(%[tail]), %%ymm1, %%ymm1")
             "vpor %%ymm1, %%ymm0, %%ymm0\n\t" SA_JUMP_UNLESS_ZERO
             :
             : [begin] "r"(begin), [tail] "r"(begin + length - kCount * 32), [count] "i"(kCount)
             : "cc", "memory", SA_VECTORS
             : written);
    return true;
  written:
    return false;
  }

  [[gnu::always_inline]] static bool Row(const char* begin, size_t length) {
    asm goto("vmovdqu (%[begin]), %%ymm0\n\t"
             "vmovdqu -32(%[begin], %[length]), %%ymm1\n\t" SA_INTO_ROW
             "%{disp32%} vpor SA_offset(%%r10), %%ymm0, %%ymm0" SA_NEXT
             "%{disp32%} vpor SA_offset(%%r10), %%ymm1, %%ymm1" SA_NEXT SA_END_OF_ROW
             "vpor %%ymm1, %%ymm0, %%ymm0\n\t" SA_JUMP_UNLESS_ZERO
             :
             : [begin] "r"(begin), [length] "r"(length), [behind] "r"(BytesOfAligned(length)),
               [most] "i"(kAligned)
             : "r10", "r11", "cc", "memory", SA_VECTORS
             : written);
    return true;
  written:
    return false;
  }
};

#undef SA_VECTORS
#undef SA_ENDS
#undef SA_INTO_ROW
#undef SA_NEXT
#undef SA_END_OF_ROW
#undef SA_JUMP_UNLESS_ZERO

// A branch that is guessed wrong costs as much as a dozen stores: so few steps, and they are close
// where programs have most objects.
template <typename Work, typename Char>
[[gnu::always_inline]] inline auto StraightCode(Char* begin, size_t length) {
  if (length <= 128) [[likely]] return Work::Four(begin, length);
  if (length <= kMostOfEnds<4>) return Work::template Ends<4>(begin, length);
  if (length <= kMostOfEnds<6>) return Work::template Ends<6>(begin, length);
  if (length <= kMostOfEnds<8>) return Work::template Ends<8>(begin, length);
  return Work::Row(begin, length);
}

}  // namespace secure_alloc::internal
