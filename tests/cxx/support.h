// What the tests of the C++ types share.
#pragma once

#include <array>
#include <cstdint>

#include "secure_alloc/secret.h"

namespace secure_alloc::test {

using Key = std::array<unsigned char, 32>;

// More than the tests' budget.
constexpr std::size_t kTooMuch = 64 << 20;
struct Huge {
  unsigned char bytes[kTooMuch];
};

// Tells of its end.
struct Mortal {
  explicit Mortal(int* count) : ends(count) {}
  ~Mortal() { ++*ends; }
  int* volatile ends;
};

// The address of the value, as a number: pointers are not let out.
template <template <typename> class Holder, typename T>
uintptr_t AddressOf(Holder<T>& value) {
  return value.access([](T& inside) { return reinterpret_cast<uintptr_t>(&inside); });
}

inline struct secalloc_info InfoOf(const void* address) {
  struct secalloc_info info = {};
  secalloc_query(address, &info);
  return info;
}

inline bool IsProtected(const void* address) {
  const struct secalloc_info info = InfoOf(address);
  return info.live == 1 && info.protection != SECALLOC_PLAIN;
}

inline bool IsProtected(uintptr_t address) {
  return IsProtected(reinterpret_cast<const void*>(address));
}

}  // namespace secure_alloc::test
