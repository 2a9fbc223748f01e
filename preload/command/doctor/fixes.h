// The lines to type, as this machine takes them: a container's settings are made outside.
#pragma once

#include <string>

#include "preload/command/doctor/facts.h"

namespace secure_alloc {

// Raises the limit of locked memory, to at least `bytes`.
std::string MemlockFix(const Facts& facts, unsigned long long bytes);

// Lets a system call through the sandbox that refuses it.
std::string SandboxFix(const Facts& facts, const std::string& call);

// "sysctl -w NAME=VALUE", where it has to be typed, and how it stays.
std::string SysctlFix(const Facts& facts, const std::string& setting);

// Raises the limit of the memory cgroup to at least `bytes`.
std::string CgroupFix(const Facts& facts, unsigned long long bytes);

// Adds to the kernel's command line, or takes from it.
std::string BootWithFix(const std::string& parameter);
std::string BootWithoutFix(const std::string& parameter);

}  // namespace secure_alloc
