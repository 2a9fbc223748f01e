#include "preload/command/doctor/cgroup.h"

#include <stdlib.h>

#include <algorithm>
#include <sstream>
#include <vector>

namespace secure_alloc {
namespace {

using Version = CgroupMemory::Version;

// Version 1 says "no limit" by the greatest multiple of a page.
constexpr unsigned long long kAsGoodAsNone = 1ull << 62;

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

bool Has(const std::string& list, const std::string& word) {
  const std::vector<std::string> words = Split(list, ',');
  return std::find(words.begin(), words.end(), word) != words.end();
}

// "4:memory:/docker/x" (cgroups(7)); in version 2 "0::/docker/x".
bool OwnPath(const FileReader& read, Version version, std::string* path) {
  for (const std::string& line : Split(read("/proc/self/cgroup").value_or(""), '\n')) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (version == Version::kV2 ? !controllers.empty() : !Has(controllers, "memory")) continue;
    *path = line.substr(second + 1);
    return true;
  }
  return false;
}

struct Mount {
  std::string root, point;
};

// "31 23 0:28 ROOT POINT options [tags] - cgroup source memory,rw" (proc(5)).
bool FindMount(const FileReader& read, Version version, Mount* mount) {
  for (const std::string& line : Split(read("/proc/self/mountinfo").value_or(""), '\n')) {
    const size_t dash = line.find(" - ");
    const std::vector<std::string> before = Split(line.substr(0, dash), ' ');
    if (dash == std::string::npos || before.size() < 6) continue;
    const std::vector<std::string> after = Split(line.substr(dash + 3), ' ');
    if (after.size() < 3) continue;
    const bool wanted = version == Version::kV2 ? after[0] == "cgroup2"
                                                : after[0] == "cgroup" && Has(after[2], "memory");
    if (!wanted) continue;
    *mount = {before[3], before[4]};
    return true;
  }
  return false;
}

bool ReadLimit(const FileReader& read, const std::string& file, CgroupMemory* memory) {
  const std::string text = Line(read, file, "");
  if (text.empty()) return false;
  if (text == "max") return true;
  const unsigned long long bytes = strtoull(text.c_str(), nullptr, 10);
  if (bytes >= kAsGoodAsNone || bytes >= memory->bytes) return true;
  memory->bytes = bytes;
  memory->file = file;
  return true;
}

// False if this version's memory controller isn't there.
bool ReadVersion(const FileReader& read, Version version, CgroupMemory* memory) {
  std::string path;
  Mount mount;
  if (!OwnPath(read, version, &path) || !FindMount(read, version, &mount)) return false;
  // A container sees its own cgroup as the mount's root, or a path that is outside its mount.
  if (mount.root != "/" && path.starts_with(mount.root)) path.erase(0, mount.root.size());
  if (path.starts_with("/..")) path.clear();
  const char* name = version == Version::kV2 ? "/memory.max" : "/memory.limit_in_bytes";
  bool found = false;
  for (;;) {
    if (path == "/") path.clear();
    found |= ReadLimit(read, mount.point + path + name, memory);
    if (path.empty()) break;
    path.erase(path.rfind('/'));
  }
  // The top of version 2 has no such file: its controllers say whether memory is among them.
  if (!found && version == Version::kV2) {
    const std::string controllers = Line(read, mount.point + "/cgroup.controllers", "");
    found = (" " + controllers + " ").find(" memory ") != std::string::npos;
  }
  if (found) memory->version = version;
  return found;
}

}  // namespace

CgroupMemory ReadCgroupMemory(const FileReader& read) {
  CgroupMemory memory;
  if (!ReadVersion(read, Version::kV1, &memory)) ReadVersion(read, Version::kV2, &memory);
  return memory;
}

}  // namespace secure_alloc
