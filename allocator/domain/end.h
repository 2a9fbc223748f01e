// The end of a process. The kernel clears secret pages however it comes; locked pages it clears
// only when it hands them out again, so they are wiped here where no code of the program can run
// any more: in exit(3), or behind main's return, after all exit handlers and destructors, if there
// is no other thread. Not with scope=all, as then the C library's streams, which it flushes last,
// are in there; nor by _exit(2), quick_exit(3) and signals.
#pragma once

namespace secure_alloc {

// Once, in a constructor of a library that the program was started with: handlers run in
// reverse order, and what is registered before main's start code runs after destructors.
void WipeLockedSecretsAtEnd();

}  // namespace secure_alloc
