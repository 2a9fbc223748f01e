// One thread of the stress test: random calls on objects that all threads share, each of
// them checked against what its contents must be. Now and then the pages of one are promoted or
// made ordinary, while others use what else lies on them.
#pragma once

#include <array>
#include <atomic>
#include <mutex>

#include "allocator/domain/fork.h"
#include "tests/unit/heap/objects.h"
#include "tests/unit/seed.h"

namespace secure_alloc::test {

// What was done, and what must not happen.
struct Counts {
  std::atomic<long> allocated = 0, freed = 0, resized = 0, refused = 0, forks = 0,
                    forks_refused = 0, converted = 0, conversions_refused = 0;
  std::atomic<long> failures = 0;
};

// A place for an object that any thread may take, change or free.
struct Cell {
  std::mutex mutex;
  Object object;
};

using Cells = std::array<Cell, 3000>;

class Worker {
 public:
  Worker(Cells& cells, Counts& counts, uint64_t seed)
      : cells_(cells), counts_(counts), random_(seed) {}

  // Until *stop; frees its own objects at the end.
  void Work(const std::atomic<bool>& stop);

 private:
  static constexpr size_t kOwn = 24;

  void Step(Object& object);
  void Allocate(Object& object);
  void Resize(Object& object);
  void Free(Object& object);
  // Its pages become secret or ordinary, by some method.
  void Convert(const Object& object);
  // False: refused.
  [[nodiscard]] bool TryFork();
  // Frees most of what all share.
  void MakeRoom();
  int BeAChild();
  size_t RandomSize();
  // Counts a failure and tells the sentence unless it holds.
  bool Check(bool holds, const char* sentence);

  Cells& cells_;
  Counts& counts_;
  Random random_;
  std::array<Object, kOwn> own_;  // no other thread knows them: a child finds them at rest
};

// Frees what a cell holds, checked.
void Clear(Cell& cell, Counts& counts);

}  // namespace secure_alloc::test
