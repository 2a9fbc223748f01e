// Objects of a malloc that is not ours.
#pragma once

#include <cstddef>

namespace secure_alloc {

// The usable size of an object that the process's malloc handed out, by malloc_usable_size(3). 0:
// it can't be one. glibc's function believes any pointer, so what lies before it is looked at
// first.
size_t ForeignSize(void* pointer);

}  // namespace secure_alloc
