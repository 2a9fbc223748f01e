// What a process can give up for good: part of the contract of os.h.
#pragma once

#include <cstddef>

namespace secure_alloc::os {

// Nobody can unmap, move, re-protect or map over these pages any more (mseal(2), Linux 6.10).
[[nodiscard]] int Seal(void* address, size_t length);
bool CanSeal();

// No core dumps, and no other process of the same user may attach or read (PR_SET_DUMPABLE).
void MakeUndumpable();

// Seccomp filters for all threads, and children: EPERM for looking into processes and for
// becoming dumpable again; or for all but work on what is open. 0 or an errno value.
[[nodiscard]] int RefuseIntrospection();
[[nodiscard]] int RefuseAllButWork();
bool CanFilter();

}  // namespace secure_alloc::os
