#include "preload/command/doctor/secret_probe.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/command/common/memlock.h"
#include "preload/command/doctor/child.h"

namespace secure_alloc {
namespace {

using Step = SecretProbe::Step;

constexpr size_t kPage = 4096;

Answer At(Step step, int error = 0) { return {static_cast<int>(step), error}; }

Answer TryOnePage() {
  const int fd = static_cast<int>(syscall(SYS_memfd_secret, 0));
  if (fd < 0) return At(Step::kCall, errno);
  if (ftruncate(fd, kPage) != 0) return At(Step::kSize, errno);
  void* page = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) return At(Step::kMap, errno);
  // Touched by the kernel, a refusal is an error code; by a store it would be SIGBUS.
  if (getrandom(page, 1, 0) != 1) return At(Step::kTouch, errno);
  return At(Step::kDone);
}

Answer TryWithOwnLimit() {
  RaiseMemlock();  // If it fails, the probe tells of the limit as it is.
  return TryOnePage();
}

// Without privileges; a limit can be lowered by anyone.
Answer TryWithin(rlim_t bytes) {
  const rlimit limit{bytes, bytes};
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0 || syscall(SYS_capset, &header, data) != 0) {
    return At(Step::kCall, errno);
  }
  return TryOnePage();
}

// What a child of this process finds while this process holds a page.
Answer TryBesideAHolder() {
  const Answer held = TryWithOwnLimit();
  if (held.step != static_cast<int>(Step::kDone)) return At(Step::kCall, held.error);
  Answer answer;
  int signal;
  if (!AskInChild([] { return TryWithin(kPage); }, &answer, &signal)) return At(Step::kCall);
  return answer;
}

// The step at which it failed; kCall also when there was no answer.
template <typename F>
Step StepOf(F&& question) {
  Answer answer;
  int signal;
  return AskInChild(question, &answer, &signal) ? static_cast<Step>(answer.step) : Step::kCall;
}

}  // namespace

SecretProbe ProbeSecretMemory() {
  SecretProbe probe;
  Answer answer;
  if (!AskInChild(TryWithOwnLimit, &answer, &probe.signal)) {
    probe.error = probe.signal == 0 ? EAGAIN : 0;  // No child could be had.
    return probe;
  }
  probe.failed_at = static_cast<Step>(answer.step);
  probe.error = answer.error;
  return probe;
}

SecretAccounting ProbeAccounting() {
  switch (StepOf([] { return TryWithin(0); })) {
    case Step::kMap:
      return SecretAccounting::kAtMmap;
    case Step::kTouch:
      return SecretAccounting::kAtTouch;
    case Step::kDone:
      return SecretAccounting::kNever;
    default:
      return SecretAccounting::kUnknown;
  }
}

LimitScope ProbeLimitScope() {
  switch (StepOf(TryBesideAHolder)) {
    case Step::kDone:
      return LimitScope::kProcess;
    case Step::kMap:
    case Step::kTouch:
      return LimitScope::kUser;
    default:
      return LimitScope::kUnknown;
  }
}

}  // namespace secure_alloc
