// Sixteen bytes at a time, in memory of any type.
#pragma once

namespace secure_alloc {

using Vector [[gnu::may_alias]] = long long __attribute__((vector_size(16)));

inline bool IsZeroVector(Vector v) {
#if defined(__SSE2__)
  using Bytes = char __attribute__((vector_size(16)));
  const Bytes zero = {};
  return __builtin_ia32_pmovmskb128(reinterpret_cast<Bytes>(v) == zero) == 0xFFFF;
#else
  return (v[0] | v[1]) == 0;
#endif
}

}  // namespace secure_alloc
