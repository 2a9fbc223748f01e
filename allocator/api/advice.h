// secalloc_madvise and secalloc_mark: what the flags mean, and which pages an allocation has.
#pragma once

#include <cstddef>
#include <cstdint>

#include "allocator/promote/converter.h"

namespace secure_alloc {

// 0 or an errno value, as the public header says.
[[nodiscard]] int Madvise(uintptr_t address, size_t length, int advice);
[[nodiscard]] int Mark(void* pointer, int advice);

// SECALLOC_BY_...
unsigned NameOf(Method method);

}  // namespace secure_alloc
