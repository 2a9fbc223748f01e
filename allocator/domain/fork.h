// fork(2) with secrets: the child gets its own copy, or by policy nothing, or the
// parent's pages, for each domain by its own policy.
//
// The wrapper of fork(3) brackets it with BeginFork and EndFork: copies are mapped, charged
// and faulted in before there is a child, so that failure is EAGAIN. Handlers of
// pthread_atfork, registered first and so run last before and first after, fill the
// copies with every lock held, and move them into place. Forks inside the C library
// (daemon(3), forkpty(3)) run the handlers only; if their copy can't be had the child
// ends with a fault. _Fork(3) and clone(2) run neither: such a child faults on touching
// a secret, and its parent's pages stay whole.
#pragma once

namespace secure_alloc {

// Once, before threads.
void RegisterForkHandlers();

// 0, or an errno value: then no fork must follow, and no EndFork.
[[nodiscard]] int BeginFork();
// In the parent, the child, or after a failed fork.
void EndFork();

}  // namespace secure_alloc
