// Wiping and checking slots. Lengths are multiples of 16, addresses too.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include "allocator/base/wide_code.h"
#else
#include "allocator/base/narrow_code.h"
#endif

namespace secure_alloc {

// The last byte of the longest slot for which inlined straight code wins over outlined loops; 0: no
// such code, as that of x86-64 needs AVX2.
[[gnu::visibility("hidden")]] extern constinit size_t last_inline_byte;
// At start-up; until then it is 0.
void FindInlineCode();

void WipeLong(void* address, size_t length);
// The same for memory that a program may have left alone: what is zero is only read, so pages that
// nobody wrote to need no memory for it.
void WipeWritten(void* address, size_t length);
bool IsZeroLong(const void* address, size_t length);

// Keeps the compiler from dropping stores to memory that is about to be given up.
inline void KeepStores(const void* address) { asm volatile("" : : "r"(address) : "memory"); }

// For slots: 32 bytes or more, up to the last inline byte, which is not 0.
[[gnu::always_inline]] inline void WipeInline(void* address, size_t length) {
  internal::StraightCode<internal::Wiping>(static_cast<char*>(address), length);
  KeepStores(address);
}
[[gnu::always_inline]] inline bool IsZeroInline(const void* address, size_t length) {
  return internal::StraightCode<internal::Checking>(static_cast<const char*>(address), length);
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

// Copies what other threads may be writing to meanwhile: each vector is one that was there. So it
// is meant, and the thread sanitizer need not tell.
void CopyWritten(void* to, const void* from, size_t length);

}  // namespace secure_alloc
