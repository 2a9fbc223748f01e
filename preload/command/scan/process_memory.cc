#include "preload/command/scan/process_memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>

#include "preload/command/common/message.h"

namespace secure_alloc {
namespace {

constexpr uint64_t kPage = 4096;
// pagemap bits 63 and 62: present, swapped (the kernel's Documentation, mm/pagemap).
constexpr uint64_t kExists = uint64_t{3} << 62;

std::string ProcPath(pid_t pid, const char* name) { return Format("/proc/%d/%s", pid, name); }

std::string WhyNotOpen(pid_t pid, int error) {
  if (error == ENOENT || error == ESRCH) return Format("there is no process %d", pid);
  if (error != EACCES && error != EPERM) {
    return Format("can't open the memory of process %d: %s", pid, ErrnoText(error).c_str());
  }
  if (geteuid() == 0) {
    return Format(
        "not allowed to read process %d, even as root: CAP_SYS_PTRACE is missing, or a "
        "container, a sandbox or a security module (kernel.yama.ptrace_scope=3) forbids it",
        pid);
  }
  const auto scope = ReadText("/proc/sys/kernel/yama/ptrace_scope");
  if (scope && (*scope)[0] != '0') {
    return Format(
        "not allowed to read process %d: kernel.yama.ptrace_scope is %c; run as root "
        "(sudo), or set it to 0 for this test",
        pid, (*scope)[0]);
  }
  return Format(
      "not allowed to read process %d: it belongs to another user, has more privileges "
      "or is not dumpable; run as root (sudo)",
      pid);
}

}  // namespace

// "begin-end perms offset device inode    name". Without an inode there is no file behind it;
// special mappings of the kernel ("[vvar]") have names in brackets and always exist.
bool ParseMapping(const std::string& line, Mapping* mapping) {
  uint64_t inode;
  char perms[5];
  int name_at = 0;
  if (sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %4s %*x %*x:%*x %" SCNu64 " %n",
             &mapping->begin, &mapping->end, perms, &inode, &name_at) < 4 ||
      name_at == 0) {
    return false;
  }
  const std::string name = line.substr(static_cast<size_t>(name_at));
  const bool ordinary =
      name.empty() || name == "[heap]" || name.starts_with("[stack") || name.starts_with("[anon:");
  mapping->name = name.empty() ? "anonymous" : name;
  mapping->secret = name.starts_with("/secretmem");
  mapping->private_pages = inode == 0 && ordinary;
  return mapping->begin < mapping->end;
}

// In smaps each mapping's line is followed by lines such as "Rss:    4 kB". A reservation of
// a tebibyte without a page is known here at once; its pagemap would take seconds.
std::vector<Mapping> ParseMappings(const std::string& text) {
  std::vector<Mapping> mappings;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    Mapping mapping;
    unsigned long long resident;
    if (ParseMapping(line, &mapping)) {
      mappings.push_back(mapping);
    } else if (mappings.empty()) {
      continue;
    } else if (sscanf(line.c_str(), "Rss: %llu", &resident) == 1) {
      mappings.back().untouched = mappings.back().private_pages && resident == 0;
    } else if (sscanf(line.c_str(), "Swap: %llu", &resident) == 1 && resident != 0) {
      mappings.back().untouched = false;
    }
  }
  return mappings;
}

std::unique_ptr<ProcessMemory> ProcessMemory::Open(pid_t pid, std::string* error) {
  auto text = ReadText(ProcPath(pid, "smaps"));
  if (!text) text = ReadText(ProcPath(pid, "maps"));
  if (!text) {
    *error = WhyNotOpen(pid, errno);
    return nullptr;
  }
  Descriptor memory = OpenForReading(ProcPath(pid, "mem"));
  if (!memory.ok()) {
    *error = WhyNotOpen(pid, errno);
    return nullptr;
  }
  // Without a pagemap everything is read, which takes longer.
  std::unique_ptr<ProcessMemory> process(
      new ProcessMemory(pid, std::move(memory), OpenForReading(ProcPath(pid, "pagemap"))));
  process->mappings_ = ParseMappings(*text);
  if (process->mappings_.empty()) {
    *error = Format("process %d has no memory: it has ended, or is a thread of the kernel", pid);
    return nullptr;
  }
  return process;
}

std::string ProcessMemory::Description() const {
  std::string name = ReadText(ProcPath(pid_, "comm")).value_or("ended");
  if (name.ends_with('\n')) name.pop_back();
  return Format("process %d (%s)", pid_, name.c_str());
}

ssize_t ProcessMemory::Read(uint64_t address, void* out, size_t size) {
  const ssize_t n = pread64(memory_.get(), out, size, static_cast<off64_t>(address));
  if (n < 0) return -errno;
  return n == 0 ? -ESRCH : n;  // The process has ended: its memory is gone.
}

bool ProcessMemory::Touched(uint64_t address, uint64_t end) {
  constexpr uint64_t kMany = 8192;
  const uint64_t page = address / kPage;
  if (page < entries_begin_ || page - entries_begin_ >= entries_.size()) {
    if (!pagemap_.ok()) return true;
    entries_begin_ = page;
    entries_.resize(std::min((end - address + kPage - 1) / kPage, kMany));
    const ssize_t n = pread64(pagemap_.get(), entries_.data(), entries_.size() * sizeof(uint64_t),
                              static_cast<off64_t>(page * sizeof(uint64_t)));
    entries_.resize(n < 0 ? 0 : static_cast<size_t>(n) / sizeof(uint64_t));
    if (entries_.empty()) return true;
  }
  return (entries_[page - entries_begin_] & kExists) != 0;
}

}  // namespace secure_alloc
