// The rows that decide whether secrets can be kept in memfd_secret memory.
#pragma once

#include <string>
#include <string_view>

#include "preload/command/doctor/row.h"
#include "preload/command/doctor/secret_probe.h"

namespace secure_alloc {

struct KernelVersion {
  int major = 0, minor = 0;
  auto operator<=>(const KernelVersion&) const = default;
};
KernelVersion ParseKernelVersion(const std::string& release);  // "6.1.0-18-amd64"

// `command_line`: the kernel's, /proc/cmdline.
Row SecretRow(const SecretProbe& probe, KernelVersion kernel, std::string_view command_line);
Row AccountingRow(SecretAccounting accounting);

struct LockLimit {
  unsigned long long soft, hard;  // bytes; RLIM_INFINITY: none
  bool exempt;                    // CAP_IPC_LOCK in the machine's own user namespace
};
Row LockLimitRow(const LockLimit& limit, SecretAccounting accounting);

}  // namespace secure_alloc
