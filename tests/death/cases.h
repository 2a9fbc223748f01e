// The misuses and properties that death_test shows: each a function that a process of
// its own runs once for a size tier, a home and a policy, and the end that it must come to.
// free_cases.cc, write_cases.cc and content_cases.cc have them.
#pragma once

#include <cstddef>

namespace secure_alloc::test {

enum class End {
  kHolds,  // exit status 0: the property was seen to hold
  kSegv,   // a guard or forbidden page stopped the access
  kDoubleFree,
  // Or an overflow, if the other thread is just wiping; or an invalid free, if the slab has gone
  // in between.
  kDoubleFreeRace,
  kInvalidFree,
  kOverflow,
  kWriteAfterFree,
  kWrongSize,
  kFreedUse,
};

// Where a setting's objects come from.
enum class Home { kPublic, kSecret, kCreated };

struct Setting {
  size_t size;
  Home home;

  // death_test's and misuse's differ: the second knows malloc alone.
  void* Allocate(size_t bytes) const;
  void* AllocateArray(size_t count, size_t bytes) const;
};

struct Case {
  const char* name;
  bool (*run)(const Setting&);  // true: the property holds; misuses do not return
  End small;                    // slots of slabs
  End large;                    // runs between guard pages
};

extern const Case kFreeCases[], kWriteCases[], kContentCases[];
extern const size_t kFreeCaseCount, kWriteCaseCount, kContentCaseCount;

inline constexpr size_t kTiers[] = {8, 4096, 256 << 10};

// By its number among all; null behind the last.
const Case* FindCase(size_t number);
// Runs it in this process; the exit status, if it comes back.
int RunCase(const Case& one, const Setting& setting);

}  // namespace secure_alloc::test
