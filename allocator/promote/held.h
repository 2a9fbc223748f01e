// Pages that must stay as they are, because the C library or the kernel uses them in ways
// that secret pages, or a moment without pages, don't allow.
//
//   always          a thread's control block and its static thread-local data (robust list, rseq
//                   area, the word the kernel wakes at exit: a shared futex, which fails on
//                   secret pages); variables of libc, of the dynamic linker and of this library;
//                   what a forked child of glibc touches before handlers run: open FILEs, the head
//                   of a thread's malloc arena; the pages of the stack that the caller stands on
//   unless system calls on the range wait: other threads' stacks, the caller's alternate one
#pragma once

#include <cstdint>

#include "allocator/os/live.h"
#include "allocator/promote/converter.h"

namespace secure_alloc {

// 0 or EBUSY; or why /proc can't be read. Takes locks of the C library, so none of ours may be
// held. `frame`: of the function that will convert; from there down the stack is in use.
[[nodiscard]] int CheckNotHeld(uintptr_t begin, uintptr_t end, Method method, const void* frame,
                               os::MappingReader& reader);

}  // namespace secure_alloc
