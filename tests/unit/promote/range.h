// Memory for tests of promotion, with contents that can be checked, and what the kernel says of
// this process.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

#include "allocator/os/os.h"
#include "secure_alloc/secure_alloc.h"

namespace secure_alloc::test {

inline const size_t kPage = os::PageSize();

inline constexpr int kMethods[] = {SECALLOC_BY_FAULTS, SECALLOC_BY_USER_FAULTS,
                                   SECALLOC_BY_STOPPING};

// Pages in the middle of a mapping of their own; filled.
class Range {
 public:
  explicit Range(size_t pages, int flags = MAP_PRIVATE | MAP_ANONYMOUS);
  ~Range();
  Range(const Range&) = delete;
  Range& operator=(const Range&) = delete;

  char* at(size_t page) const { return begin_ + page * kPage; }
  char* begin() const { return begin_; }
  size_t bytes() const { return bytes_; }

  void Fill() const { Fill(begin_, bytes_); }
  bool IsIntact() const { return IsIntact(begin_, bytes_); }
  static void Fill(char* begin, size_t bytes);
  static bool IsIntact(const char* begin, size_t bytes);

  int Advise(int advice) const { return Advise(begin_, bytes_, advice); }
  // The test has moved or unmapped some: others may lie there.
  void Disown() { begin_ = nullptr; }
  // 0 or errno.
  static int Advise(void* begin, size_t bytes, int advice);

 private:
  void* mapping_;
  char* begin_;
  size_t bytes_;
};

// What secalloc_query says.
bool IsSecret(const void* address);
// What the kernel says: is its mapping one of memfd_secret(2)?
bool IsSecretToKernel(const void* address);
int ProtectionOf(const void* address);
// Can another process, with ptrace's rights, read it? A child asks.
bool IsReadableByOthers(const void* address);

struct secalloc_stats Stats();

// What the kernel shows of the pool: secret mappings that are neither promoted nor an arena's.
struct PoolContents {
  size_t bytes = 0;
  bool zero = true;
};
PoolContents ReadPool();

// Of this process, now.
size_t Descriptors();
size_t Mappings();
// "VmLck" and the like of /proc/self/status, in KiB.
size_t StatusOf(const char* name);
// "Unevictable" and the like of /proc/meminfo, in KiB.
size_t MachineStatusOf(const char* name);

}  // namespace secure_alloc::test
