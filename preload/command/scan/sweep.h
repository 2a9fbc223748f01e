// Reads all of a memory once and hands it to a searcher, with an account of what was read.
#pragma once

#include <string>
#include <vector>

#include "preload/command/scan/memory.h"
#include "preload/command/scan/searcher.h"

namespace secure_alloc {

struct UnreadableRange {
  uint64_t begin, end;
  std::string name;
  int error;
};

struct SweepAccount {
  uint64_t bytes_read = 0;
  uint64_t bytes_untouched = 0;  // never populated: zero, not read
  size_t mappings = 0;
  std::vector<UnreadableRange> unreadable;  // without secret memory
  size_t secret_mappings = 0;               // unreadable as they should be
  uint64_t secret_bytes = 0;
  bool cut_short = false;  // the process ended meanwhile, or the core file ends early
};

// The name of the mapping at an address.
std::string NameAt(const Memory& memory, uint64_t address);

// `progress`: show it on standard error.
SweepAccount Sweep(Memory* memory, Searcher* searcher, bool progress);

}  // namespace secure_alloc
