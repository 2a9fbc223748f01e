// The rules about what secure_alloc promises.
#include <string.h>
#include <sys/resource.h>

#include "preload/command/common/message.h"
#include "preload/command/doctor/facts.h"
#include "preload/command/doctor/fixes.h"
#include "preload/command/doctor/row.h"
#include "preload/command/doctor/secret_rules.h"
#include "preload/command/doctor/workers.h"

namespace secure_alloc {
namespace {

constexpr unsigned long long kUsualMaps = 65530;
constexpr unsigned long long kCgroupShare = 8;  // of the default budget, with a child's copy
constexpr char kMountProc[] = "mount -t proc proc /proc";

std::string Text(const Trial& trial) {
  if (trial.works()) return "works";
  if (trial.signal != 0) return Format("the caller is killed by SIG%s", sigabbrev_np(trial.signal));
  return ErrnoText(trial.error);
}

bool Refused(const Trial& trial) { return trial.signal != 0 || trial.error == EPERM; }

Finding LockedFallback(const Facts& facts) {
  Finding found{State::kOk, Text(facts.lock), "", ""};
  if (facts.lock.works()) {
    found.meaning = "without secret memory, secrets are never swapped; root can read them";
    return found;
  }
  found.state = State::kMissing;
  found.meaning = "without secret memory there is none for secrets, but by fallback=plain";
  const bool limited = facts.hard_memlock == 0 || facts.lock.error == ENOMEM;
  found.fix = limited ? MemlockFix(facts, 0) : SandboxFix(facts, "mlock");
  return found;
}

Finding CoreDumps(const Facts& facts) {
  Finding found{State::kOk, "core_pattern: " + facts.core_pattern, "", ""};
  if (facts.secret.works()) {
    found.meaning = "neither the kernel's core dumps nor gcore have secret memory";
  } else if (facts.undump.works()) {
    found.state = State::kLimited;
    found.meaning = "locked memory is kept out of the kernel's core dumps, but gcore -a has it";
    found.fix = "see secret_memory";
  } else {
    found.state = State::kMissing;
    found.meaning = "locked memory would be in core dumps (madvise: " + Text(facts.undump) + ")";
    found.fix = "ulimit -c 0, for a service LimitCORE=0; or " + SandboxFix(facts, "madvise");
  }
  return found;
}

Finding ForkCopies(const Facts& facts) {
  if (!facts.move.works()) {
    return {State::kMissing, "mremap: " + Text(facts.move), "fork fails with EAGAIN",
            SandboxFix(facts, "mremap")};
  }
  const std::string sum = MemlockSum(facts.workers, facts.scope);
  Finding found{
      State::kOk,
      Format("%llu worker%s of %s", facts.workers.count, facts.workers.count == 1 ? "" : "s",
             HumanBytes(facts.workers.bytes).c_str()),
      "memlock needed = " + sum, ""};
  const unsigned long long needed = MemlockNeeded(facts.workers, facts.scope);
  if (facts.secrets_exempt() || facts.hard_memlock >= needed) return found;
  found.state = facts.hard_memlock == 0 ? State::kMissing : State::kLimited;
  found.meaning += "; when it is spent, fork fails with EAGAIN";
  found.fix = MemlockFix(facts, needed);
  return found;
}

Finding Reservations(const Facts& facts) {
  if (!facts.secret.works()) {
    if (!facts.lock.works()) {
      return {State::kMissing, "no memory to reserve", "see secret_memory and locked_fallback",
              "as there"};
    }
    return {State::kOk, "locked memory", "a spent limit is an error code at once, never a SIGBUS",
            ""};
  }
  Finding found{State::kOk, "faulted in through the kernel",
                "a spent limit is an error code, never a SIGBUS", ""};
  if (facts.accounting == SecretAccounting::kUnknown) {
    found.state = State::kMissing;
    found.value = "a limit of 0 could not be tried";
    found.meaning = "whether a spent limit is an error code is not known here";
    found.fix = SandboxFix(facts, "capset");
  } else if (facts.cgroup.bytes != CgroupMemory::kNoLimit) {
    const unsigned long long enough = kCgroupShare * facts.workers.bytes;
    found.meaning += Format(
        "; the budget is an eighth of the memory cgroup's limit of %s, beyond "
        "which the kernel ends programs (SIGKILL)",
        HumanBytes(facts.cgroup.bytes).c_str());
    if (facts.cgroup.bytes >= enough) return found;
    found.state = State::kLimited;
    found.fix = CgroupFix(facts, enough);
  }
  return found;
}

Finding Promotion(const Facts& facts) {
  using Reach = Userfaultfd::Reach;
  const std::string setting =
      "vm.unprivileged_userfaultfd=" + facts.unprivileged_userfaultfd + ": ";
  if (facts.userfaultfd.reach == Reach::kAll) {
    return {State::kOk, setting + "all accesses can wait",
            "existing memory becomes secret in place while threads use it", ""};
  }
  const bool forbidden = facts.userfaultfd.trial.error == EPERM;
  const std::string fix =
      SysctlFix(facts, "vm.unprivileged_userfaultfd=1") +
      (facts.kernel >= KernelVersion{6, 1}
           ? "; or for this user alone: setfacl -m u:" + facts.user + ":rw /dev/userfaultfd"
           : "");
  if (facts.userfaultfd.reach == Reach::kUserMode) {
    return {State::kLimited, setting + "loads and stores can wait",
            "a system call that uses memory at the moment it becomes secret can get EFAULT", fix};
  }
  return {State::kMissing, "userfaultfd: " + Text(facts.userfaultfd.trial),
          "memory that other threads use can't be made to wait while it becomes secret",
          forbidden ? fix + "; in a sandbox: " + SandboxFix(facts, "userfaultfd")
                    : "a kernel with CONFIG_USERFAULTFD; in a sandbox: " +
                          SandboxFix(facts, "userfaultfd")};
}

Finding Lockdown(const Facts& facts) {
  const bool seals = facts.seal.works(), filters = facts.filter.works();
  Finding found{State::kOk, "mseal " + Text(facts.seal) + ", seccomp " + Text(facts.filter),
                "mappings and policy can be closed for good", ""};
  if (seals && filters) return found;
  found.state = seals || filters ? State::kLimited : State::kMissing;
  found.meaning = seals     ? "mappings can be sealed, but no filter of system calls be set"
                  : filters ? "system calls can be filtered, but mappings not be sealed"
                            : "neither mappings nor system calls can be closed";
  if (!seals) {
    found.fix = Refused(facts.seal) || facts.kernel >= KernelVersion{6, 10}
                    ? SandboxFix(facts, "mseal")
                    : "a kernel of 6.10 or later";
  }
  if (!filters) {
    found.fix += (found.fix.empty() ? "" : "; ") +
                 std::string("a kernel with CONFIG_SECCOMP_FILTER, or ") +
                 SandboxFix(facts, "seccomp");
  }
  return found;
}

Finding Statistics(const Facts& facts) {
  if (!facts.smaps) {
    return {State::kMissing, "no /proc/self/smaps",
            "nothing outside can tell what protection a program has",
            std::string(kMountProc) + "; a kernel with CONFIG_PROC_PAGE_MONITOR"};
  }
  const std::string value = "/proc/PID/mem and smaps";
  if (facts.ptrace_scope == "3") {
    return {
        State::kMissing, value, "kernel.yama.ptrace_scope=3: no program can be read, by anyone",
        "take kernel.yama.ptrace_scope=3 out of /etc/sysctl.conf and /etc/sysctl.d, boot again"};
  }
  const bool open = facts.ptrace_scope.empty() || facts.ptrace_scope == "0";
  if (open || facts.sys_ptrace) {
    return {State::kOk, value, "secalloc stats and scan can read programs from outside", ""};
  }
  return {State::kLimited, value, "Yama lets only root read other programs",
          "sudo secalloc stats PID"};
}

Finding Guards(const Facts& facts) {
  if (facts.max_map_count.empty()) {
    return {State::kLimited, "unknown", "vm.max_map_count can't be read", kMountProc};
  }
  const unsigned long long count = strtoull(facts.max_map_count.c_str(), nullptr, 10);
  Finding found{State::kOk, "vm.max_map_count=" + facts.max_map_count,
                Format("guard pages for about %llu large objects of a process", count / 4), ""};
  if (count >= kUsualMaps) return found;
  found.state = State::kLimited;
  found.meaning += "; those beyond have none";
  found.fix = SysctlFix(facts, "vm.max_map_count=262144");
  return found;
}

Finding Swap(const Facts& facts) {
  const bool on = facts.swaps.find('\n') != std::string::npos;
  const std::string value = facts.swaps.empty() ? "unknown" : on ? "on" : "off";
  if (facts.secret.works() || facts.lock.works()) {
    return {State::kOk, value, "secret and locked memory is never swapped; other memory may be",
            ""};
  }
  if (value == "off") return {State::kOk, value, "no memory goes to a disk", ""};
  return {State::kMissing, value, "memory can be neither secret nor locked, and may go to a disk",
          "swapoff -a, or see locked_fallback"};
}

Finding Hibernation(const Facts& facts) {
  if (facts.power_disk.empty()) {
    return {State::kOk, "not in this kernel", "no image of the memory is written", ""};
  }
  const bool locked = !facts.lockdown.empty() && facts.lockdown.find("[none]") == std::string::npos;
  if (locked || facts.command_line.find("nohibernate") != std::string::npos) {
    return {State::kOk, "forbidden", "no image of the memory is written", ""};
  }
  if (facts.power_disk.find("[disabled]") != std::string::npos) {
    return {State::kOk, "blocked now",
            "a program with secret memory lives: the kernel refuses to hibernate until it ends",
            ""};
  }
  if (facts.secret.works()) {
    return {State::kLimited, "possible",
            "the kernel refuses to hibernate while any program has secret memory",
            "end protected programs before hibernating"};
  }
  return {State::kMissing, "possible", "the image on the disk has locked memory in it",
          "systemctl mask hibernate.target hybrid-sleep.target, or " + BootWithFix("nohibernate")};
}

Finding Preload(const Facts& facts) {
  if (!facts.library.empty()) {
    return {State::kOk, facts.library, "secalloc run can preload it", ""};
  }
  return {State::kMissing, "not found", "secalloc run has nothing to preload", facts.library_error};
}

constexpr Rule kRules[] = {
    {"secret_memory", SecretMemory},
    {"locked_fallback", LockedFallback},
    {"core_dumps", CoreDumps},
    {"fork_copies", ForkCopies},
    {"reservations", Reservations},
    {"promotion", Promotion},
    {"lockdown", Lockdown},
    {"statistics", Statistics},
    {"guards", Guards},
    {"swap", Swap},
    {"hibernation", Hibernation},
    {"library", Preload},
};

}  // namespace

std::span<const Rule> PromiseRules() { return kRules; }

}  // namespace secure_alloc
