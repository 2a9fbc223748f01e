// What a mapping asks the kernel for.
#pragma once

#include <gtest/gtest.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace secure_alloc::test {

inline bool KernelHasHugePages() {
  return access("/sys/kernel/mm/transparent_hugepage", F_OK) == 0;
}

// Does the mapping that the address lies in ask for huge pages?
inline bool AsksForHugePages(const void* address) {
  const uintptr_t wanted = reinterpret_cast<uintptr_t>(address);
  std::ifstream smaps("/proc/self/smaps");
  uintptr_t start = 0, end = 0;
  for (std::string line; std::getline(smaps, line);) {
    sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " ", &start, &end);
    if (line.starts_with("VmFlags:") && start <= wanted && wanted < end) {
      return line.find(" hg") != std::string::npos;
    }
  }
  ADD_FAILURE() << "no mapping at " << address;
  return false;
}

}  // namespace secure_alloc::test
