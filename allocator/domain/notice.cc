#include "allocator/domain/notice.h"

#include <errno.h>

#include <atomic>

#include "allocator/base/text.h"

namespace secure_alloc {
namespace {

// Why memfd_secret(2) memory was refused, and what to do about it.
const char* CauseAndFix(int error) {
  switch (error) {
    case ENOSYS:
      return "this kernel has no memfd_secret(2); use Linux 5.14 or later, before 6.5 with "
             "secretmem.enable=1 on its command line";
    case EPERM:
    case EACCES:
      return "a sandbox refuses memfd_secret(2); allow it in the container's seccomp profile";
    case EAGAIN:
    case EFAULT:
      return "the budget or RLIMIT_MEMLOCK is spent; raise `ulimit -l` or LimitMEMLOCK=, or the "
             "option budget";
    case EMFILE:
    case ENFILE:
      return "no file descriptor is free for memfd_secret(2); raise `ulimit -n`";
    default:
      return "memory is short";
  }
}

void Tell(std::atomic<bool>* told, const char* what, int error) {
  if (told->exchange(true, std::memory_order_relaxed)) return;
  Line line;
  line << "secure_alloc: " << what << ": " << CauseAndFix(error) << " (`secalloc doctor` tells more)";
  line.WriteStderr();
}

}  // namespace

void NoticeLocked(int error) {
  static constinit std::atomic<bool> told{false};
  Tell(&told, "secrets are in locked memory, which root can read", error);
}

void NoticePlain(int error) {
  static constinit std::atomic<bool> told{false};
  Tell(&told, "secrets are in ordinary memory, as fallback=plain allows", error);
}

void NoticeRefused(int error) {
  static constinit std::atomic<bool> told{false};
  Tell(&told, "a secret allocation failed", error);
}

void NoticeForkRefused(int error) {
  static constinit std::atomic<bool> told{false};
  Tell(&told, "fork failed, as the child's copy of the secrets can't be had", error);
}

}  // namespace secure_alloc
