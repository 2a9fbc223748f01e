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

// Adds to, or takes from, the kernel's command line.
std::string BootFix(const std::string& verb, const std::string& parameter);

}  // namespace secure_alloc
