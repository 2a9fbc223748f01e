// All that the doctor's findings follow from, as plain data: rules are functions of it, and
// tests fill it in by hand.
#pragma once

#include <sys/resource.h>

#include <string>

#include "preload/command/doctor/cgroup.h"
#include "preload/command/doctor/kernel_probe.h"
#include "preload/command/doctor/secret_probe.h"

namespace secure_alloc {

struct KernelVersion {
  int major = 0, minor = 0;
  auto operator<=>(const KernelVersion&) const = default;
};
KernelVersion ParseKernelVersion(const std::string& release);  // "6.1.0-18-amd64"

// A server and what it forks; for the arithmetic of locked memory.
struct Workers {
  unsigned long long count = 1;
  unsigned long long bytes = 2 << 20;  // secret memory of one process
};

struct Facts {
  KernelVersion kernel;
  std::string command_line;  // the kernel's

  SecretProbe secret;
  SecretAccounting accounting = SecretAccounting::kUnknown;
  LimitScope scope = LimitScope::kUnknown;
  Trial lock, undump, move, seal, filter, keys;
  Userfaultfd userfaultfd;

  unsigned long long soft_memlock = RLIM_INFINITY, hard_memlock = RLIM_INFINITY;
  bool sys_ptrace = false;           // CAP_SYS_PTRACE in effect
  bool ipc_lock = false;             // CAP_IPC_LOCK in effect
  bool first_user_namespace = true;  // the machine's own
  std::string user = "root";         // as limits.conf(5) names it
  std::string container;             // "docker", "podman", ...; empty: none
  CgroupMemory cgroup;
  std::string seccomp;  // "0" off, "1" strict, "2" filter, "" not told
  std::string max_map_count, overcommit, unprivileged_userfaultfd, core_pattern;
  std::string ptrace_scope;                 // "": no Yama
  std::string swaps, power_disk, lockdown;  // as the kernel's files say
  bool smaps = true;
  std::string library, library_error;

  Workers workers;

  // The limit doesn't hold for locked memory; for secret memory it may: see accounting.
  bool exempt() const { return ipc_lock && first_user_namespace; }
  // ... nor for secret memory.
  bool secrets_exempt() const {
    return accounting == SecretAccounting::kNever ||
           (exempt() && accounting != SecretAccounting::kAtTouch);
  }
};

// Asks this machine.
Facts Examine();

}  // namespace secure_alloc
