// Which live object an address lies in.
#pragma once

#include <cstddef>
#include <cstdint>

namespace secure_alloc {

struct FoundObject {
  char* start;
  size_t size;    // asked for
  uintptr_t end;  // of its slot or run: up to here nothing is another's
};

// False: in none of ours, or in the slack behind one.
[[nodiscard]] bool FindObject(const void* address, FoundObject* object);

}  // namespace secure_alloc
