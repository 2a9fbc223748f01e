// The misuses and properties that death_test shows: each a function that a process of
// its own runs once for a size tier and a domain, and the end that it must come to.
#pragma once

#include <cstddef>

namespace secure_alloc::test {

enum class End {
  kHolds,  // exit status 0: the property was seen to hold
  kSegv,   // a guard or forbidden page stopped the access
  kDoubleFree,
  kInvalidFree,
  kOverflow,
  kWriteAfterFree,
  kWrongSize,
  kFreedUse,
};

struct Setting {
  size_t size;
  bool secret;

  void* Allocate(size_t bytes) const;
  void* Allocate() const { return Allocate(size); }
};

struct Case {
  const char* name;
  bool (*run)(const Setting&);  // true: the property holds; misuses do not return
  End small;                    // slots of slabs
  End large;                    // runs with guard pages, forbidden while they wait for reuse
  End large_secret;             // secret runs, which are never forbidden
};

extern const Case kCases[];
extern const size_t kCaseCount;

}  // namespace secure_alloc::test
