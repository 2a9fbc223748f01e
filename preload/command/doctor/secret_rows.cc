#include "preload/command/doctor/secret_rows.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "preload/command/common/message.h"

namespace secure_alloc {
namespace {

using Step = SecretProbe::Step;

constexpr KernelVersion kHasIt{5, 14};     // The system call came with it,
constexpr KernelVersion kEnabledBy{6, 5};  // and needed no boot parameter any more.
constexpr unsigned long long kRoomy = 64ull << 20;

constexpr char kSandboxFix[] =
    "allow memfd_secret in the sandbox's seccomp profile: docker or podman run --security-opt "
    "seccomp=PROFILE.json with \"memfd_secret\" in its list of allowed names (or "
    "seccomp=unconfined to try); systemd: SystemCallFilter=memfd_secret";

// No such call: by the kernel's age or configuration, or because a profile says so.
void ExplainAbsence(KernelVersion kernel, std::string_view command_line, Row* row) {
  row->meaning =
      "no secret memory: secrets are only locked (fallback=locked), and root can "
      "read them";
  if (kernel < kHasIt) {
    row->fix = "a kernel of 5.14 or later, best 6.5 or later";
  } else if (command_line.find("secretmem.enable=0") != std::string_view::npos ||
             command_line.find("secretmem.enable=n") != std::string_view::npos) {
    row->fix =
        "take secretmem.enable=0 off the kernel's command line (GRUB_CMDLINE_LINUX in "
        "/etc/default/grub, then update-grub) and boot again";
  } else if (kernel < kEnabledBy) {
    row->fix =
        "add secretmem.enable=1 to the kernel's command line (GRUB_CMDLINE_LINUX in "
        "/etc/default/grub, then update-grub) and boot again; in a container also " +
        std::string(kSandboxFix);
  } else {
    row->fix =
        "a kernel with CONFIG_SECRETMEM=y (arm64: booted with rodata=full); in a "
        "container " +
        std::string(kSandboxFix);
  }
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

Row SecretRow(const SecretProbe& probe, KernelVersion kernel, std::string_view command_line) {
  Row row{"memfd_secret", State::kMissing, "", "", ""};
  if (probe.works()) {
    return {"memfd_secret", State::kOk, "works",
            "secrets can live where neither root, nor core dumps, nor the kernel's own map "
            "reach them",
            ""};
  }
  if (probe.signal != 0) {
    row.value = Format("the caller is killed by SIG%s", sigabbrev_np(probe.signal));
    row.meaning = "a sandbox forbids the call: a protected program would be killed too";
    row.fix = kSandboxFix;
    return row;
  }
  row.value = ErrnoText(probe.error);
  if (probe.failed_at == Step::kCall && probe.error == ENOSYS) {
    ExplainAbsence(kernel, command_line, &row);
  } else if (probe.failed_at == Step::kCall && probe.error == EPERM) {
    row.meaning = "a sandbox forbids the call: secrets are only locked, and root can read them";
    row.fix = kSandboxFix;
  } else if (probe.failed_at == Step::kMap || probe.failed_at == Step::kTouch) {
    row.value += probe.failed_at == Step::kMap ? " at mmap" : " at the first touch";
    row.meaning = "there is the call, but no memory for it within the limit of locked memory";
    row.fix = "raise the limit, see memlock below";
  } else {
    row.meaning = "no secret memory: secrets are only locked, and root can read them";
    row.fix = "close descriptors or raise the limit of open files (ulimit -n)";
  }
  return row;
}

Row AccountingRow(SecretAccounting accounting) {
  Row row{"accounting", State::kOk, "", "", ""};
  switch (accounting) {
    case SecretAccounting::kAtMmap:
      row.value = "at mmap";
      row.meaning = "the memlock limit is checked when memory is reserved: an error code";
      break;
    case SecretAccounting::kAtTouch:
      row.value = "at the first touch";
      row.meaning =
          "the memlock limit is checked page by page, for all processes of a user "
          "together; secure_alloc touches pages ahead, so it is an error code";
      break;
    case SecretAccounting::kNever:
      row.value = "none";
      row.meaning = "the memlock limit doesn't hold for secret memory here";
      break;
    case SecretAccounting::kUnknown:
      row.state = State::kLimited;
      row.value = "unknown";
      row.meaning = "can't be tried without secret memory";
      break;
  }
  return row;
}

Row LockLimitRow(const LockLimit& limit, SecretAccounting accounting) {
  Row row{"memlock", State::kOk, Limit(limit.soft) + " soft, " + Limit(limit.hard) + " hard", "",
          ""};
  const bool exempt = limit.exempt && accounting != SecretAccounting::kAtTouch;
  if (exempt) {
    row.meaning = "doesn't hold for this user (CAP_IPC_LOCK)";
  } else if (limit.hard >= kRoomy) {
    row.meaning = "room for the secrets of large programs; secalloc run raises the soft limit";
  } else if (limit.hard == 0) {
    row.state = State::kMissing;
    row.meaning = "no page can be secret or locked";
  } else {
    row.state = State::kLimited;
    row.meaning = "enough for the keys of a server; tight for scope=all or many forks";
  }
  if (row.state != State::kOk) {
    row.fix =
        "in /etc/security/limits.conf: \"* - memlock 262144\" (KiB; then log in again), or "
        "in the systemd unit: LimitMEMLOCK=256M; docker: --ulimit memlock=268435456";
  }
  return row;
}

}  // namespace secure_alloc
