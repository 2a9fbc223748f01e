// Small secret files that are faulted in and zero, for promotions to come: one for each run of
// 2^order pages, never pieces of an arena, so that a program's own munmap of promoted memory
// returns it to the kernel. What demotions leave comes here.
//
// Files in the pool are charged to the budget, and leave it when the budget is short. They
// are absent in a forked child.
// Not thread-safe: the promoter locks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "allocator/pages/budget.h"
#include "allocator/promote/table.h"

namespace secure_alloc {

struct PoolFile {
  char* address;
  uint64_t inode;
  unsigned order;
};

class Pool {
 public:
  static constexpr unsigned kOrders = 9;  // to 1 MiB: what others wait for is copied at once

  // Of the first file for a range of `bytes`.
  static unsigned OrderFor(size_t bytes) {
    const unsigned order = FloorLog2(bytes / kPageSize);
    return order < kOrders ? order : kOrders - 1;
  }

  constexpr explicit Pool(Budget& budget) : budget_(budget) {}

  // A file from the pool or a new one, charged either way. EAGAIN budget or RLIMIT_MEMLOCK; ENOSYS,
  // EPERM no memfd_secret(2) here; EMFILE, ENFILE, ENOMEM.
  [[nodiscard]] int Take(unsigned order, PoolFile* file);
  // Zero again. Keeps it if the limit allows.
  void Give(const PoolFile& file);
  // Adds files for a promotion of `bytes`, and keeps so much from here on.
  [[nodiscard]] int Fill(size_t bytes);
  // Gives all files back to the kernel.
  void Drop();
  // In a forked child, which has none of them.
  void Forget();

  size_t bytes() const { return bytes_; }

 private:
  [[nodiscard]] int Make(unsigned order, PoolFile* file);
  size_t Limit() const;
  void Release(const PoolFile& file);

  Budget& budget_;
  Table<PoolFile> files_[kOrders];
  size_t bytes_ = 0;
  size_t asked_ = 0;  // by Fill()
};

}  // namespace secure_alloc
