// A thread of the kernel's, without the C library: for a wait that one thread can't do
// alone. It has no thread-local data of its own and calls nothing but Syscall().
#pragma once

#include <cstdint>

namespace secure_alloc::os {

class HelperThread {
 public:
  HelperThread() = default;
  HelperThread(const HelperThread&) = delete;
  HelperThread& operator=(const HelperThread&) = delete;

  // Runs function(argument). EAGAIN: no thread (RLIMIT_NPROC, a cgroup) or no memory. Signals
  // of the caller must be blocked, and so are the helper's.
  [[nodiscard]] int Start(void (*function)(void*), void* argument);
  void Join();

 private:
  char* stack_ = nullptr;
  int running_ = 0;  // the kernel's: 0 when the thread has ended
};

}  // namespace secure_alloc::os
