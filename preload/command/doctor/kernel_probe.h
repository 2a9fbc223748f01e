// Asks the kernel for what the promises rest on beside secret memory: each tried on a page.
#pragma once

namespace secure_alloc {

struct Trial {
  int error = 0;   // errno
  int signal = 0;  // the child was killed by it instead
  bool works() const { return error == 0 && signal == 0; }
};

Trial ProbeLock();    // mlock(2), with the soft limit at the hard one
Trial ProbeUndump();  // MADV_DONTDUMP
Trial ProbeMove();    // mremap(2) over other pages: how a child's copy gets into its place
Trial ProbeSeal();    // mseal(2), and that it holds
Trial ProbeFilter();  // a filter of seccomp(2)
Trial ProbeKeys();    // pkey_alloc(2); ENOSPC: the processor has no keys

// Replacing pages under a running program: all of its accesses wait, only those of the program
// itself (system calls get EFAULT), or none can be made to wait.
struct Userfaultfd {
  enum class Reach { kAll, kUserMode, kNone };
  Reach reach = Reach::kNone;
  Trial trial;  // why not all
};
Userfaultfd ProbeUserfaultfd();

}  // namespace secure_alloc
