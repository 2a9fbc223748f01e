// The option trace: which modules allocate, from which domain and how much. How a user finds what
// belongs into the option modules.
//
// Costs nothing unless it is on: then the rules remember no answer, so that every call that
// allocates takes their slow path and is noted here. Modules are told apart as the option does, by
// the name of their file. Without locks or allocation; a forked child starts from nothing.
#pragma once

#include <cstddef>

namespace secure_alloc::trace {

// At load, if the option is on.
void Prepare();

// A call from code of this file asked for `size` bytes.
void Note(const char* file, bool secret, size_t size);

// One line for each module and domain, the most bytes first:
//   secure_alloc: trace pid=12 domain=secret calls=34 bytes=5678 module=libcrypto.so.3
void Write();

}  // namespace secure_alloc::trace
