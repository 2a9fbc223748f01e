#include "allocator/base/bytes.h"

#include <cstring>

namespace secure_alloc {

void WipeBytes(void* address, size_t length) {
  std::memset(address, 0, length);
  KeepStores(address);
}

void WipeLong(void* address, size_t length) { WipeBytes(address, length); }

bool IsZeroLong(const void* address, size_t length) {
  const Vector* at = static_cast<const Vector*>(address);
  const Vector* const end = at + length / sizeof(Vector);
  Vector a = {}, b = {}, c = {}, d = {};
  for (; end - at >= 4; at += 4) {
    a |= at[0];
    b |= at[1];
    c |= at[2];
    d |= at[3];
  }
  for (; at != end; ++at) a |= *at;
  a |= b | c | d;
  return IsZeroVector(a);
}

}  // namespace secure_alloc
