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

// The live object whose slot or run holds the address, and the end of that; null: none.
[[nodiscard]] char* FindOwner(const void* address, uintptr_t* end);
// False: in none of ours, or in the slack behind one.
[[nodiscard]] bool FindObject(const void* address, FoundObject* object);

}  // namespace secure_alloc
