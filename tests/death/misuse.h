// What the cases share: objects of a setting, whose origin the compiler can't see.
#pragma once

#include <cstdlib>

#include "tests/death/cases.h"
#include "tests/death/hidden.h"

namespace secure_alloc::test {

inline constexpr size_t kMiB = size_t{1} << 20;

inline char* New(const Setting& s) { return Hidden(s.Allocate(s.size)); }

bool AllBytesAre(const char* bytes, size_t size, char value);

// Allocates and frees until the freed place comes back, or for so long that it should have.
char* AllocateUntil(const Setting& s, const char* place);

// Some neighbours that stay, so that the object's arena does.
char* NewAmongOthers(const Setting& s);

// Objects in the order of their addresses, and the distance of direct neighbours.
class Neighbours {
 public:
  explicit Neighbours(const Setting& s);
  // Calls use(object) for each that has another directly before it.
  template <typename Use>
  void ForEachBehindAnother(Use use) const {
    for (size_t i = 1; i < count_; ++i) {
      if (objects_[i] - objects_[i - 1] == distance_) use(objects_[i]);
    }
  }
  void FreeAll() const;

 private:
  static constexpr size_t kMost = 64;
  char* objects_[kMost];
  size_t count_;
  ptrdiff_t distance_;
};

}  // namespace secure_alloc::test
