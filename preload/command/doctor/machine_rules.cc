// The rules about what else bears on the promises: limits, privileges, sandboxes.
#include <errno.h>
#include <stdlib.h>

#include "preload/command/common/message.h"
#include "preload/command/doctor/facts.h"
#include "preload/command/doctor/fixes.h"
#include "preload/command/doctor/secret_rules.h"

namespace secure_alloc {
namespace {

Finding IpcLock(const Facts& facts) {
  if (facts.exempt()) return {State::kOk, "yes", "mlock is not limited", ""};
  if (facts.ipc_lock) {
    return {State::kOk, "in this user namespace only", "the memlock limit holds", ""};
  }
  return {State::kOk, "no", "the memlock limit holds", ""};
}

Finding UserNamespace(const Facts& facts) {
  if (facts.first_user_namespace) {
    return {State::kOk, "the machine's own", "privileges mean what they say", ""};
  }
  return {State::kLimited, "one of a container or sandbox",
          "its root has no CAP_IPC_LOCK where it counts: the memlock limit holds",
          MemlockFix(facts, 0)};
}

Finding Container(const Facts& facts) {
  if (facts.container.empty()) return {State::kOk, "none found", "settings are made here", ""};
  return {State::kOk, facts.container, "limits, sandbox and kernel settings are made outside", ""};
}

Finding Cgroup(const Facts& facts) {
  const CgroupMemory& cgroup = facts.cgroup;
  if (cgroup.version == CgroupMemory::Version::kNone) {
    return {State::kOk, "none", "no memory controller is mounted here", ""};
  }
  const char* version = cgroup.version == CgroupMemory::Version::kV1 ? "version 1" : "version 2";
  if (cgroup.bytes == CgroupMemory::kNoLimit) {
    return {State::kOk, Format("%s, no limit", version), "the machine's memory is the limit", ""};
  }
  return {State::kOk, Format("%s, %s", version, HumanBytes(cgroup.bytes).c_str()),
          "secret memory counts, can't be swapped, and over it the kernel ends the program (" +
              cgroup.file + ")",
          ""};
}

Finding Seccomp(const Facts& facts) {
  if (facts.seccomp.empty()) {
    return {State::kOk, "unknown", "no /proc, or no CONFIG_SECCOMP in this kernel", ""};
  }
  if (facts.seccomp == "0") return {State::kOk, "off", "no sandbox around this process", ""};
  return {State::kLimited, facts.seccomp == "1" ? "strict" : "filter",
          "a sandbox is around this process; the promises show what it allows", ""};
}

Finding Overcommit(const Facts& facts) {
  if (facts.overcommit.empty()) {
    return {State::kOk, "unknown", "vm.overcommit_memory can't be read", ""};
  }
  const std::string value = "vm.overcommit_memory=" + facts.overcommit;
  if (facts.overcommit != "2") return {State::kOk, value, "address space may be reserved", ""};
  return {State::kLimited, value, "strict: memory counts when it is mapped, not when it is used",
          SysctlFix(facts, "vm.overcommit_memory=0")};
}

Finding PtraceScope(const Facts& facts) {
  if (!facts.ptrace_scope.empty() && facts.ptrace_scope != "0") {
    return {State::kOk, "kernel.yama.ptrace_scope=" + facts.ptrace_scope,
            "other programs of a user can't attach", ""};
  }
  const std::string sysctl = SysctlFix(facts, "kernel.yama.ptrace_scope=1");
  return {State::kLimited, facts.ptrace_scope.empty() ? "no Yama" : "kernel.yama.ptrace_scope=0",
          "any program of the same user can attach, and make a program give its secrets out",
          facts.ptrace_scope.empty() ? BootWithFix("yama in lsm=") + "; then " + sysctl : sysctl};
}

Finding ProtectionKeys(const Facts& facts) {
  if (facts.keys.works()) {
    return {State::kOk, "yes", "domains can be closed and opened for each thread", ""};
  }
  // Where the processor has none, Linux 6.18 says EINVAL of any arguments.
  const int error = facts.keys.error;
  const bool absent = error == ENOSPC || error == ENOSYS || error == EINVAL;
  return {State::kLimited, absent ? "none" : "refused",
          "domains can't be closed for a thread: SECALLOC_DOMAIN_PKEY is EOPNOTSUPP",
          absent ? "a processor with protection keys (pku in /proc/cpuinfo), a kernel without nopku"
                 : SandboxFix(facts, "pkey_alloc")};
}

constexpr Rule kRules[] = {
    {"memlock", Memlock},
    {"accounting", Accounting},
    {"memlock_scope", Scope},
    {"ipc_lock", IpcLock},
    {"user_namespace", UserNamespace},
    {"container", Container},
    {"cgroup", Cgroup},
    {"seccomp", Seccomp},
    {"overcommit", Overcommit},
    {"ptrace_scope", PtraceScope},
    {"protection_keys", ProtectionKeys},
};

}  // namespace

std::span<const Rule> MachineRules() { return kRules; }

}  // namespace secure_alloc
