// What spends a process's limits now and then, while others work.
#pragma once

#include <sys/resource.h>

#include <iterator>

#include "tests/unit/seed.h"

namespace secure_alloc::test {

class Limits {
 public:
  explicit Limits(uint64_t seed);
  ~Limits() { Restore(); }

  // Spends one of them, chosen at random, until the next change; two times of three none.
  void Change();
  void Restore() const;
  long changes() const { return changes_; }

 private:
  static constexpr __rlimit_resource kKinds[] = {
      RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_NPROC,
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
      RLIMIT_AS,  // A sanitizer maps memory of its own, and ends the program if it can't.
#endif
  };

  Random random_;
  struct rlimit saved_[std::size(kKinds)];
  long changes_ = 0;
};

}  // namespace secure_alloc::test
