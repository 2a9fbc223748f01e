// What the tests of secalloc_lockdown share.
#pragma once

#include <errno.h>

#include <cstring>

#include "secure_alloc/secure_alloc.h"

namespace secure_alloc::test {

template <typename Call>
bool Refused(int error, Call call) {
  errno = 0;
  return call() == -1 && errno == error;
}

inline secalloc_domain* Create() {
  struct secalloc_domain_config config = {};
  config.name = "keys";
  return secalloc_domain_create(&config);
}

// Objects of all sorts come, hold what they are given, and go.
inline bool Works(secalloc_domain* domain) {
  for (int round = 0; round < 3; ++round) {
    void* objects[64];
    for (size_t i = 0; i < 64; ++i) {
      const size_t size = i == 63 ? 3 << 20 : i % 8 == 7 ? 60000 : 16u << i % 8;
      objects[i] = secalloc_domain_malloc(domain, size);
      if (objects[i] == nullptr) return false;
      memset(objects[i], static_cast<int>(i), size);
    }
    for (void* object : objects) secalloc_free(object);
    secalloc_trim();
  }
  return true;
}

}  // namespace secure_alloc::test
