// What the live objects of a test take: the runs and arenas that they lie in, each counted once.
#pragma once

#include <cstdint>
#include <map>
#include <set>

#include "allocator/pages/arena.h"

namespace secure_alloc::test {

class Footprint {
 public:
  // A live object of ours.
  void Add(const void* object);

  // Guards included: what statistics call used; and the arenas that secrets are in.
  uint64_t secret_bytes() const { return Sum(secret_runs_); }
  uint64_t secret_arena_bytes() const;
  uint64_t ordinary_bytes() const { return Sum(ordinary_runs_); }

 private:
  using Runs = std::map<const char*, size_t>;
  static uint64_t Sum(const Runs& runs);

  Runs secret_runs_, ordinary_runs_;
  std::set<const Arena*> secret_arenas_;
};

}  // namespace secure_alloc::test
