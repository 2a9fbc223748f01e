// Objects whose contents can be checked: what tests of the whole heap share.
#pragma once

#include <cstring>

#include "allocator/entry/entry.h"

namespace secure_alloc::test {

inline constexpr entry::Call kPublic = {0, nullptr};
inline constexpr entry::Call kSecret = {kSecretBins, nullptr};
inline constexpr entry::Call kBoth[] = {kPublic, kSecret};

// An object and the number that its contents follow from.
struct Object {
  unsigned char* bytes = nullptr;
  size_t size = 0;
  uint64_t number = 0;

  unsigned char At(size_t i) const {
    return static_cast<unsigned char>((number * 0x9E3779B97F4A7C15u + i * 0xD1B54A32D192ED03u) >>
                                      56);
  }
  void Fill() const {
    for (size_t i = 0; i < size; ++i) bytes[i] = At(i);
  }
  bool IsIntact(size_t count) const {
    for (size_t i = 0; i < count; ++i) {
      if (bytes[i] != At(i)) return false;
    }
    return true;
  }
  bool IsIntact() const { return IsIntact(size); }
};

inline bool AreZero(const unsigned char* bytes, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (bytes[i] != 0) return false;
  }
  return true;
}

// Zero when it comes, filled when it goes out; bytes is null without memory.
inline Object Make(size_t size, uint64_t number, entry::Call call, bool* was_zero) {
  Object object = {static_cast<unsigned char*>(entry::Allocate(size, call)), size, number};
  if (object.bytes == nullptr) return object;
  *was_zero = AreZero(object.bytes, size);
  object.Fill();
  return object;
}

}  // namespace secure_alloc::test
