#include "preload/command/doctor/secret_rules.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "preload/command/common/message.h"
#include "preload/command/doctor/fixes.h"
#include "preload/command/doctor/workers.h"

namespace secure_alloc {
namespace {

using Step = SecretProbe::Step;

constexpr KernelVersion kHasIt{5, 14};     // The system call came with it,
constexpr KernelVersion kEnabledBy{6, 5};  // and needed no boot parameter any more.
constexpr unsigned long long kRoomy = 64ull << 20;
constexpr char kLockedOnly[] = "secrets are only locked (fallback=locked), and root can read them";

// No such call: by the kernel's age or configuration, or because a profile says so.
std::string FixOfAbsence(const Facts& facts) {
  if (facts.kernel < kHasIt) return "a kernel of 5.14 or later, best 6.5 or later";
  for (const char* off : {"secretmem.enable=0", "secretmem.enable=n"}) {
    if (facts.command_line.find(off) != std::string::npos) return BootWithoutFix(off);
  }
  const std::string sandbox = "; in a sandbox: " + SandboxFix(facts, "memfd_secret");
  if (facts.kernel < kEnabledBy) return BootWithFix("secretmem.enable=1") + sandbox;
  return "a kernel with CONFIG_SECRETMEM=y (arm64: booted with rodata=full)" + sandbox;
}

std::string Limit(unsigned long long bytes) {
  return bytes == RLIM_INFINITY ? "unlimited" : HumanBytes(bytes);
}

}  // namespace

KernelVersion ParseKernelVersion(const std::string& release) {
  KernelVersion version;
  if (sscanf(release.c_str(), "%d.%d", &version.major, &version.minor) != 2) return {};
  return version;
}

Finding SecretMemory(const Facts& facts) {
  const SecretProbe& probe = facts.secret;
  if (probe.works()) {
    return {State::kOk, "memfd_secret works",
            "neither root, nor core dumps, nor the kernel's own map reach secrets", ""};
  }
  Finding found{State::kMissing, "memfd_secret: " + ErrnoText(probe.error), kLockedOnly, ""};
  if (probe.signal != 0) {
    found.value = Format("memfd_secret: the caller is killed by SIG%s", sigabbrev_np(probe.signal));
    found.meaning = "a sandbox forbids the call: a protected program would be killed too";
    found.fix = SandboxFix(facts, "memfd_secret");
  } else if (probe.failed_at == Step::kMap || probe.failed_at == Step::kTouch) {
    found.value += probe.failed_at == Step::kMap ? " at mmap" : " at the first touch";
    found.meaning = "the call is there, but no memory for it within the limit of locked memory";
    found.fix = MemlockFix(facts, MemlockNeeded(facts.workers, facts.scope));
  } else if (probe.error == ENOSYS) {
    found.fix = FixOfAbsence(facts);
  } else if (probe.error == EPERM) {
    found.fix = SandboxFix(facts, "memfd_secret");
  } else {
    found.fix = "close descriptors, or raise the limit of open files: ulimit -n 4096";
  }
  return found;
}

Finding Accounting(const Facts& facts) {
  switch (facts.accounting) {
    case SecretAccounting::kAtMmap:
      return {State::kOk, "at mmap", "a spent memlock limit is an error when memory is reserved",
              ""};
    case SecretAccounting::kAtTouch:
      return {State::kOk, "at the first touch",
              "a spent memlock limit would be a SIGBUS; secure_alloc touches pages through the "
              "kernel, so it is an error",
              ""};
    case SecretAccounting::kNever:
      return {State::kOk, "none", "the memlock limit doesn't hold for secret memory", ""};
    case SecretAccounting::kUnknown:
      break;
  }
  return {State::kLimited, "unknown", "can't be tried without secret memory", "see secret_memory"};
}

Finding Scope(const Facts& facts) {
  switch (facts.scope) {
    case LimitScope::kProcess:
      return {State::kOk, "process", "each process has the memlock limit to itself", ""};
    case LimitScope::kUser:
      return {State::kOk, "user",
              "all processes of a user share the memlock limit for secret memory, and root is "
              "not exempt",
              ""};
    case LimitScope::kUnknown:
      break;
  }
  return {State::kLimited, "unknown", "can't be tried without secret memory", "see secret_memory"};
}

Finding Memlock(const Facts& facts) {
  Finding found{State::kOk,
                Limit(facts.soft_memlock) + " soft, " + Limit(facts.hard_memlock) + " hard", "",
                ""};
  if (facts.secrets_exempt()) {
    found.meaning = "doesn't hold for this user";
  } else if (facts.hard_memlock >= kRoomy) {
    found.meaning = "room for the secrets of large programs; secalloc run raises the soft limit";
  } else if (facts.hard_memlock == 0) {
    found.state = State::kMissing;
    found.meaning = "no page can be secret or locked";
  } else {
    found.state = State::kLimited;
    found.meaning = "enough for the keys of a server; tight for scope=all or many forks";
  }
  if (found.state != State::kOk) {
    found.fix = MemlockFix(facts, MemlockNeeded(facts.workers, facts.scope));
  }
  return found;
}

}  // namespace secure_alloc
