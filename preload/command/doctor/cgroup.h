// The limit of the memory cgroup that this process is in, and of those above it.
#pragma once

#include <string>

#include "preload/command/doctor/files.h"

namespace secure_alloc {

struct CgroupMemory {
  enum class Version { kNone, kV1, kV2 };
  static constexpr unsigned long long kNoLimit = ~0ull;

  Version version = Version::kNone;     // kNone: no memory controller is mounted
  unsigned long long bytes = kNoLimit;  // the least on the way up to the mount
  std::string file;                     // that says so
};

// By /proc/self/cgroup, /proc/self/mountinfo and the controller's files.
CgroupMemory ReadCgroupMemory(const FileReader& read);

}  // namespace secure_alloc
