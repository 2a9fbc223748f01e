// Images of a process: core files of the kernel and of gdb, CRIU.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/conformance/operation.h"
#include "tests/conformance/victim.h"

namespace secure_alloc::conformance {
namespace {

namespace fs = std::filesystem;

// "present" if the area's bytes are in any file of the folder.
std::string Search(const Area& area, const std::string& folder) {
  bool any = false;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const int file = open(entry.path().c_str(), O_RDONLY);
    const size_t size = entry.file_size();
    void* data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
    if (data == MAP_FAILED) continue;
    any = true;
    if (memmem(data, size, area.data + kPage, kPage) != nullptr) return "present";
  }
  return any ? "absent" : NotTried("no file was written");
}

std::string MakeFolder(const Area& area, const char* name) {
  const std::string folder = Scratch(name + std::to_string(static_cast<int>(area.kind)));
  fs::create_directory(folder);
  return folder;
}

bool Run(const std::string& command) { return system((command + " >/dev/null 2>&1").c_str()) == 0; }

std::string TryCore(const Area& area, int) {
  std::string pattern;
  std::getline(std::ifstream("/proc/sys/kernel/core_pattern"), pattern);
  if (pattern.find_first_of("|/@") != std::string::npos) {
    return NotTried("core_pattern sends core files elsewhere");
  }
  rlimit limit{};
  getrlimit(RLIMIT_CORE, &limit);  // Fails for wrong arguments only.
  if (limit.rlim_max != RLIM_INFINITY) return NotTried("core files are limited");
  const std::string folder = MakeFolder(area, "core");
  Victim victim(area.kind, Victim::Then::kAbort, folder.c_str());
  if (!victim.ok() || !victim.Wait()) return NotTried("no process to dump");
  return Search(area, folder);
}

std::string TryGcore(const Area& area, int all) {
  if (!Run("command -v gcore")) return NotTried("gdb is not installed");
  const std::string folder = MakeFolder(area, all != 0 ? "gcore-a" : "gcore");
  const Victim victim(area.kind);
  if (!victim.ok()) return NotTried("no process to dump");
  const std::string command = std::string("gcore ") + (all != 0 ? "-a " : "") + "-o " + folder +
                              "/core " + std::to_string(victim.pid());
  if (!Run(command)) return NotTried("gcore fails here");
  return Search(area, folder);
}

std::string TryCriu(const Area& area, int) {
  if (!Run("command -v criu")) return NotTried("criu is not installed");
  if (!Run("criu check")) return NotTried("criu check fails here");
  const std::string folder = MakeFolder(area, "criu");
  const Victim victim(area.kind);
  if (!victim.ok()) return NotTried("no process to dump");
  const bool done = Run("criu dump --shell-job --leave-running -D " + folder + " -t " +
                        std::to_string(victim.pid()));
  return done ? "works" : "fails";
}

constexpr Operation kOperations[] = {
    {"core dump", TryCore},
    {"gcore", TryGcore, 0},
    {"gcore -a", TryGcore, 1},
    {"CRIU dump", TryCriu},
};

}  // namespace

std::span<const Operation> DumpOperations() { return kOperations; }

}  // namespace secure_alloc::conformance
