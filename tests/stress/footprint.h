// What the live objects of a test take: the runs and arenas that they lie in, each counted once.
#pragma once

#include <cstdint>
#include <map>

#include "allocator/pages/arena.h"

namespace secure_alloc::test {

class Footprint {
 public:
  // A live object of ours.
  void Add(const void* object);

  // Guards included: what statistics call used; and the files that secrets are in.
  uint64_t secret_bytes() const { return Sum(secret_runs_); }
  uint64_t secret_file_bytes() const { return Sum(secret_files_); }
  uint64_t ordinary_bytes() const { return Sum(ordinary_runs_); }

 private:
  using Runs = std::map<const char*, size_t>;
  static uint64_t Sum(const Runs& runs);

  void AddFiles(const Run& run);

  Runs secret_runs_, secret_files_, ordinary_runs_;
};

}  // namespace secure_alloc::test
