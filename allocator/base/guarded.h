// Memory for metadata, between two system pages that stay inaccessible: running over their end, or
// from an object into them, faults.
#pragma once

#include <cstddef>

namespace secure_alloc {

// `size` bytes of address space, inaccessible until committed; null: there is none left.
[[nodiscard]] char* ReserveGuarded(size_t size);
// The same, accessible and zero; null also when there is no memory.
[[nodiscard]] char* MapGuarded(size_t size);
// Gives either back, by what it was made with. Null is fine.
void UnmapGuarded(void* begin, size_t size);

}  // namespace secure_alloc
