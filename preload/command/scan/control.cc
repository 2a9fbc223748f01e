#include "preload/command/scan/control.h"

#include <elf.h>
#include <string.h>
#include <sys/uio.h>

#include <algorithm>
#include <set>

#include "preload/command/common/message.h"
#include "preload/command/scan/needles.h"

namespace secure_alloc {
namespace {

constexpr size_t kLongest = 64;
constexpr size_t kDistinct = 8;  // Fewer different bytes, such as padding, prove nothing.

bool Usable(const std::string& bytes) {
  return bytes.size() >= Needles::kWindow &&
         std::set<char>(bytes.begin(), bytes.end()).size() >= kDistinct;
}

// Sixteen random bytes and what follows them: the platform's name, as a rule.
std::string RandomBytes(pid_t pid) {
  const std::string auxv = ReadText(Format("/proc/%d/auxv", pid)).value_or("");
  for (size_t at = 0; at + sizeof(Elf64_auxv_t) <= auxv.size(); at += sizeof(Elf64_auxv_t)) {
    Elf64_auxv_t entry;
    memcpy(&entry, &auxv[at], sizeof entry);
    if (entry.a_type != AT_RANDOM) continue;
    std::string bytes(Needles::kWindow, '\0');
    const iovec local{bytes.data(), bytes.size()};
    const iovec remote{reinterpret_cast<void*>(entry.a_un.a_val), bytes.size()};
    const ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);
    return n == static_cast<ssize_t>(bytes.size()) ? bytes : "";
  }
  return "";
}

std::string LongestString(const std::string& strings) {
  std::string longest;
  for (size_t at = 0; at < strings.size();) {
    const size_t end = std::min(strings.find('\0', at), strings.size());
    if (end - at > longest.size()) longest = strings.substr(at, end - at);
    at = end + 1;
  }
  return longest.substr(0, kLongest);
}

}  // namespace

Control ProcessControl(pid_t pid) {
  const std::string random = RandomBytes(pid);
  if (Usable(random)) return {"the kernel's random bytes on its stack", {random}};
  for (const auto& [name, source] : {std::pair{"environ", "a string of its environment"},
                                     std::pair{"cmdline", "a string of its command line"}}) {
    const auto strings = ReadText(Format("/proc/%d/%s", pid, name));
    const std::string longest = LongestString(strings.value_or(""));
    if (Usable(longest)) return {source, {longest}};
  }
  return {};
}

Control CoreControl(const CoreMemory& core) {
  Control control;
  std::vector<std::string> found = core.file_names();
  // The note has a blank for each NUL between arguments, and for each blank in one.
  std::string arguments = core.command_line();
  found.push_back(arguments);
  std::replace(arguments.begin(), arguments.end(), ' ', '\0');
  found.push_back(arguments);
  for (const std::string& bytes : found) {
    if (Usable(bytes)) control.bytes.push_back(bytes);
  }
  if (!control.bytes.empty()) control.source = "its command line or a name of a mapped file";
  return control;
}

}  // namespace secure_alloc
