// Internal to entry: the start of a process.
#pragma once

namespace secure_alloc::entry {

// Makes the heap usable; false (ENOMEM) when no address space can be had.
[[nodiscard]] bool Start();

}  // namespace secure_alloc::entry
