// The created domain of the tests that have one.
#pragma once

#include "include/secure_alloc/secure_alloc.h"

namespace secure_alloc::test {

inline secalloc_domain* CreatedDomain() {
  static secalloc_domain* const domain = [] {
    struct secalloc_domain_config config = {};
    config.name = "created";
    return secalloc_domain_create(&config);
  }();
  return domain;
}

}  // namespace secure_alloc::test
