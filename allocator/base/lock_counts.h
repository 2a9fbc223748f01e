// How often each lock is taken, and how often it has to be waited for: what tells how the library
// will do on more CPUs than a machine has. Only with `bazel build --config=counters`; without it
// nothing of this is in the code. bench/locks.sh asks for it.
//
// The counts lie in a table, not in the lock: some locks end, or begin anew in a forked child.
//
// Invariants
// 1. An entry is written by the lock's holder alone, so counting needs no locked instruction, which
//    would itself change what is counted.
// 2. A lock has an entry from the first time it is taken. Locks beyond the table have none.
// At the process's end each source file with locks gets a line on standard error.
#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>

#ifndef SA_COUNT_LOCKS
#define SA_COUNT_LOCKS 0
#endif

namespace secure_alloc {

inline constexpr bool kCountLocks = SA_COUNT_LOCKS;

struct LockEntry;

class LockCounts {
 public:
  // file: where the lock is declared.
  constexpr explicit LockCounts(const char* file) : file_(file) {}

  // Both by the holder.
  void CountTaken();
  void CountWait(bool slept);

  static void WriteAll();

 private:
  const char* file_;
  LockEntry* entry_ = nullptr;
};

struct NoLockCounts {
  constexpr explicit NoLockCounts(const char*) {}
  void CountTaken() {}
  void CountWait(bool) {}
};

using LockCountsIfAny = std::conditional_t<kCountLocks, LockCounts, NoLockCounts>;

}  // namespace secure_alloc
