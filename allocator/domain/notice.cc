#include "allocator/domain/notice.h"

#include <errno.h>

#include <atomic>

#include "allocator/base/bits.h"
#include "allocator/base/text.h"
#include "allocator/os/os.h"

namespace secure_alloc {
namespace {

// Why memfd_secret(2) memory was refused, and what to do about it.
const char* CauseAndFix(int error) {
  switch (error) {
    case ENOSYS:
      return "this kernel has no memfd_secret(2), or a sandbox hides it; use Linux 5.14 or later, "
             "before 6.5 with secretmem.enable=1 on its command line";
    case EPERM:
    case EACCES:
      return "a sandbox refuses memfd_secret(2) or mremap(2); allow it in the container's seccomp "
             "profile";
    case EAGAIN:
    case EFAULT:
      return "the budget or RLIMIT_MEMLOCK is spent; raise `ulimit -l` or LimitMEMLOCK=, or the "
             "option budget";
    case EFBIG:
      return "RLIMIT_FSIZE is less than an arena; raise `ulimit -f`";
    case EIO:
      return "a sandbox refuses getrandom(2), which makes secret pages ready; allow it";
    case EMFILE:
    case ENFILE:
      return "no file descriptor is free for memfd_secret(2); raise `ulimit -n`";
    default:
      return "memory is short";
  }
}

enum Kind { kLocked, kPlain, kRefused, kForkRefused, kKinds };

using Flags = std::atomic<bool>[kKinds];
constinit Flags own_flags = {};
constinit Flags* flags = &own_flags;

constinit std::atomic<bool> silent{false};

// What a program that reads the line goes by.
constexpr const char* kEvents[kKinds] = {"secrets_locked", "secrets_plain", "allocation_refused",
                                         "fork_refused"};

void Tell(Kind kind, const char* what, int error) {
  if (silent.load(std::memory_order_relaxed)) return;
  if ((*flags)[kind].exchange(true, std::memory_order_relaxed)) return;
  Line line;
  line << "secure_alloc: " << what << ": " << CauseAndFix(error)
       << " (`secalloc doctor` tells more) [event=" << kEvents[kind]
       << " errno=" << static_cast<uint64_t>(error) << " pid=" << uint64_t{os::ProcessId()} << "]";
  line.WriteStderr();
}

}  // namespace

void ShareNotices() {
  // Without a page to share each process tells for itself.
  if (void* const page = os::MapShared(kPageSize)) flags = static_cast<Flags*>(page);
}

void SilenceNotices() { silent.store(true, std::memory_order_relaxed); }

void NoticeLocked(int error) {
  Tell(kLocked, "secrets are in locked memory, which root can read", error);
}

void NoticePlain(int error) {
  Tell(kPlain, "secrets are in ordinary memory, as fallback=plain allows", error);
}

void NoticeRefused(int error) { Tell(kRefused, "a secret allocation failed", error); }

void NoticeForkRefused(int error) {
  Tell(kForkRefused, "fork failed, as the child's copy of the secrets can't be had", error);
}

}  // namespace secure_alloc
