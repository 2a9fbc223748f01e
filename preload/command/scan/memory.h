// Memory that can be searched: of a live process, or what a core file kept of one.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace secure_alloc {

struct Mapping {
  uint64_t begin, end;
  std::string name;            // "[heap]", a file's path, "anonymous"
  bool secret = false;         // memfd_secret memory: unreadable by design
  bool private_pages = false;  // pages never touched don't exist and read as zero
  bool untouched = false;      // none of them exists
};

class Memory {
 public:
  virtual ~Memory() = default;
  // "process 12 (nginx)".
  virtual std::string Description() const = 0;
  // By address, none overlapping.
  virtual const std::vector<Mapping>& mappings() const = 0;
  // Bytes read at `address`, at least one; or -errno when its page can't be read: ESRCH when
  // the process has ended, ENODATA when the core file is cut off.
  virtual ssize_t Read(uint64_t address, void* out, size_t size) = 0;
  // Whether there is something to read in the page at `address` of a mapping that ends at
  // `end`; false only for pages that are zero because nobody ever touched them.
  virtual bool Touched(uint64_t address, uint64_t end) = 0;
};

}  // namespace secure_alloc
