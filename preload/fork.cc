// fork(2) fails with EAGAIN rather than give a child shared or missing secrets.
#include <dlfcn.h>
#include <errno.h>
#include <sys/types.h>

#include "allocator/domain/fork.h"
#include "preload/exports.h"

using namespace secure_alloc;

namespace {

using Fork = pid_t (*)();

// Looked up once: a fork in a signal handler must not wait for the loader's lock.
Fork real_fork = nullptr;

[[gnu::constructor]] void FindFork() {
  real_fork = reinterpret_cast<Fork>(dlsym(RTLD_NEXT, "fork"));
}

}  // namespace

SA_EXPORT pid_t fork(void) {
  if (real_fork == nullptr) FindFork();  // From another library's constructor.
  if (const int error = BeginFork(); error != 0) {
    errno = error;
    return -1;
  }
  const pid_t child = real_fork();
  const int saved_errno = errno;
  EndFork();
  errno = saved_errno;
  return child;
}
