#include "allocator/base/bytes.h"

#include <algorithm>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#include "allocator/base/bits.h"
#include "allocator/base/vector.h"

namespace secure_alloc {

constinit size_t last_inline_byte = 0;

#if defined(__x86_64__)
namespace {

// Of XCR0: the kernel saves the vectors' lower and upper halves.
constexpr unsigned kSavedHalves = 6;

// Asked here, for one feature: __builtin_cpu_supports brings 5 KB of code, which each process would
// run, to find all of them. Intel's manual, volume 1, "Detection of AVX2".
[[gnu::target("xsave")]] bool ProcessorHasAvx2() {
  unsigned a;
  unsigned b;
  unsigned c;
  unsigned d;
  if (__get_cpuid_max(0, nullptr) < 7) return false;
  __cpuid(1, a, b, c, d);
  if ((c & bit_OSXSAVE) == 0 || (c & bit_AVX) == 0) return false;
  if ((_xgetbv(0) & kSavedHalves) != kSavedHalves) return false;
  __cpuid_count(7, 0, a, b, c, d);
  return (b & bit_AVX2) != 0;
}

}  // namespace
#endif

void FindInlineCode() {
#if defined(__x86_64__)
  if (!ProcessorHasAvx2()) return;
#endif
  last_inline_byte = internal::kInlineBytes - 1;
}

void WipeBytes(void* address, size_t length) {
  std::memset(address, 0, length);
  KeepStores(address);
}

__attribute__((no_sanitize("thread"))) void CopyWritten(void* to, const void* from, size_t length) {
  // Volatile, or the compiler would call memcpy, which the sanitizer watches.
  const auto* const source = static_cast<const volatile Vector*>(from);
  auto* const target = static_cast<Vector*>(to);
  for (size_t i = 0; i < length / sizeof(Vector); ++i) target[i] = source[i];
}

void WipeLong(void* address, size_t length) { WipeBytes(address, length); }

namespace {

bool IsZeroByVectors(const char* at, const char* end) {
  Vector any = {};
  for (; end - at >= 64; at += 64) {
    const Vector* const vectors = reinterpret_cast<const Vector*>(at);
    any |= (vectors[0] | vectors[1]) | (vectors[2] | vectors[3]);
  }
  for (; at != end; at += sizeof(Vector)) any |= *reinterpret_cast<const Vector*>(at);
  return IsZeroVector(any);
}

#if defined(__x86_64__)
[[gnu::target("avx2")]] bool IsZeroAvx2(const char* at, const char* end) {
  __m256i any = _mm256_setzero_si256();
  for (; end - at >= 128; at += 128) {
    const __m256i* const vectors = reinterpret_cast<const __m256i*>(at);
    const __m256i low =
        _mm256_or_si256(_mm256_loadu_si256(vectors), _mm256_loadu_si256(vectors + 1));
    const __m256i high =
        _mm256_or_si256(_mm256_loadu_si256(vectors + 2), _mm256_loadu_si256(vectors + 3));
    any = _mm256_or_si256(any, _mm256_or_si256(low, high));
  }
  return _mm256_testz_si256(any, any) != 0 && IsZeroByVectors(at, end);
}
#endif

}  // namespace

bool IsZeroLong(const void* address, size_t length) {
  const char* const begin = static_cast<const char*>(address);
#if defined(__x86_64__)
  if (last_inline_byte > 0) return IsZeroAvx2(begin, begin + length);
#endif
  return IsZeroByVectors(begin, begin + length);
}

namespace {

// What is looked at before the next look: pages that were written to mostly were so from their
// beginning on.
constexpr size_t kLook = 256;

// The first bytes that may not be zero, or `end`.
char* SkipZeroByVectors(char* at, char* end) {
  while (at != end) {
    char* const next = at + std::min<size_t>(kLook, end - at);
    if (!IsZeroByVectors(at, next)) break;
    at = next;
  }
  return at;
}

#if defined(__x86_64__)
[[gnu::target("avx2")]] char* SkipZeroAvx2(char* at, char* end) {
  for (; end - at >= static_cast<ptrdiff_t>(kLook); at += kLook) {
    const __m256i* const vectors = reinterpret_cast<const __m256i*>(at);
    __m256i any = _mm256_loadu_si256(vectors);
#pragma GCC unroll 8
    for (size_t i = 1; i < kLook / sizeof any; ++i) {
      any = _mm256_or_si256(any, _mm256_loadu_si256(vectors + i));
    }
    if (_mm256_testz_si256(any, any) == 0) return at;
  }
  return SkipZeroByVectors(at, end);
}
#endif

char* SkipZero(char* at, char* end) {
#if defined(__x86_64__)
  if (last_inline_byte > 0) return SkipZeroAvx2(at, end);
#endif
  return SkipZeroByVectors(at, end);
}

}  // namespace

void WipeWritten(void* address, size_t length) {
  char* const end = static_cast<char*>(address) + length;
  for (char* page = static_cast<char*>(address); page != end;) {
    char* const page_end = std::min(page + (kPageSize - Address(page) % kPageSize), end);
    char* const written = SkipZero(page, page_end);
    if (written != page_end) WipeBytes(written, page_end - written);
    page = page_end;
  }
}

}  // namespace secure_alloc
