// What an operator must hear: one line on standard error, each kind once in a process
// and the children it forks, with cause and fix, and at the end the same for programs that watch:
//   ... [event=secrets_locked errno=38 pid=1234]
#pragma once

namespace secure_alloc {

// From here on what was told is remembered for all children forked later, whoever of them
// tells it. Once, at start-up.
void ShareNotices();

// From here on nothing is told.
void SilenceNotices();

// Secrets now lie in locked memory, because the kernel said `error`.
void NoticeLocked(int error);
// Secrets now lie in ordinary memory.
void NoticePlain(int error);
// A secret allocation fails.
void NoticeRefused(int error);
// fork(2) fails with EAGAIN, because the child's copy can't be had.
void NoticeForkRefused(int error);

}  // namespace secure_alloc
