#include "allocator/domain/default_budget.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "allocator/base/bits.h"
#include "allocator/base/text.h"
#include "allocator/domain/domain.h"
#include "allocator/heap/standard_heaps.h"
#include "allocator/os/os.h"
#include "allocator/pages/sources.h"

namespace secure_alloc {
namespace {

// Secrets are unevictable memory: an eighth of the machine's at most, and a quarter of what the
// cgroup may have, where the kernel does not refuse a page too many but kills.
constexpr size_t kMachineShare = 8;
constexpr size_t kCgroupShare = 4;

constexpr size_t kPathSize = 512;

constinit std::atomic<bool> settled{false};
constinit Mutex settling;

size_t ParseLimit(const char* text) {
  size_t number = 0;
  for (; *text >= '0' && *text <= '9'; ++text)
    number = number * 10 + static_cast<size_t>(*text - '0');
  return number;
}

// "max", or version 1's largest number, are no limits.
size_t ReadLimit(const char* folder, const char* file) {
  char path[kPathSize + 64], text[32];
  TextBuffer name(path, sizeof path);
  name << folder << "/" << file;
  name.Append("", 1);
  if (name.truncated() || os::ReadFile(path, text, sizeof text) == 0) return SIZE_MAX;
  const size_t limit = ParseLimit(text);
  return limit == 0 || limit > SIZE_MAX / 4 ? SIZE_MAX : limit;
}

// The least limit from a group's folder up to `top`, a prefix of it.
size_t LeastLimit(char* folder, size_t top, const char* file) {
  size_t least = SIZE_MAX;
  for (size_t end = std::strlen(folder); end >= top; --end) {
    if (folder[end] != '\0' && folder[end] != '/') continue;
    folder[end] = '\0';
    least = std::min(least, ReadLimit(folder, file));
  }
  return least;
}

// A line of /proc/PID/cgroup: "0::/path" of version 2, "4:memory:/path" of version 1.
size_t LimitOfLine(const char* line, size_t length, const char* root) {
  const char* const end = line + length;
  const char* const controllers = std::find(line, end, ':') + 1;
  const char* const colon = controllers < end ? std::find(controllers, end, ':') : end;
  if (colon == end) return SIZE_MAX;
  const size_t named = static_cast<size_t>(colon - controllers);
  const bool memory = named == 6 && std::memcmp(controllers, "memory", 6) == 0;
  if (named != 0 && !memory) return SIZE_MAX;
  char folder[kPathSize];
  TextBuffer text(folder, sizeof folder - 1);
  text << root << (memory ? "/memory" : "");
  const size_t top = text.size();
  text.Append(colon + 1, static_cast<size_t>(end - colon - 1));
  if (text.truncated()) return SIZE_MAX;
  folder[text.size()] = '\0';
  return LeastLimit(folder, top, memory ? "memory.limit_in_bytes" : "memory.max");
}

size_t OwnCgroupLimit() {
  char text[4096];  // Of cgroup v1 a line for each controller.
  if (os::ReadFile("/proc/self/cgroup", text, sizeof text) == 0) return SIZE_MAX;
  return CgroupMemoryLimit(text, "/sys/fs/cgroup");
}

// Kernels that charge RLIMIT_MEMLOCK at the fault bind root as well, by secret pages though not
// by locked ones. Which kernel this is shows in a page: only the others count it as locked.
bool BindsRoot() {
  if (os::LockedMemoryLimit() == SIZE_MAX) return false;
  void* page;
  if (os::MapSecret(nullptr, kPageSize, /*inherit=*/false, &page) != 0) return false;
  const bool charged_at_mmap = os::LockedMemory() >= kPageSize;
  os::Unmap(page, kPageSize);
  return !charged_at_mmap;
}

size_t DefaultBudget(ForkPolicy fork) {
  // A fork charges its copy before the child exists.
  const size_t copies = fork == ForkPolicy::kCopy ? 2 : 1;
  size_t budget = std::min(os::MachineMemory() / kMachineShare, OwnCgroupLimit() / kCgroupShare);
  if (!os::MayLockAnyAmount()) {
    budget = std::min(budget, os::LockedMemoryLimit());
  } else if (BindsRoot()) {
    LimitSecretPages(os::LockedMemoryLimit() / copies);
  }
  return budget / copies;
}

}  // namespace

size_t CgroupMemoryLimit(const char* cgroup, const char* root) {
  size_t least = SIZE_MAX;
  for (const char* line = cgroup; *line != '\0';) {
    const size_t length = static_cast<size_t>(strchrnul(line, '\n') - line);
    least = std::min(least, LimitOfLine(line, length, root));
    line += length + (line[length] == '\n');
  }
  return least;
}

Mutex& BudgetMutex() { return settling; }

void SettleBudget() {
  if (settled.load(std::memory_order_acquire)) [[likely]] return;
  MutexLock lock(settling);
  if (settled.load(std::memory_order_relaxed)) return;
  if (secret_budget.limit() == 0) {
    const size_t budget = DefaultBudget(secret_domain.fork());
    secret_budget.SetLimit(budget);
    secret_heap.large().SetQueuedLimit(QueuedLimitFor(budget));
  }
  // Release pairs with the acquire above: the limit is set.
  settled.store(true, std::memory_order_release);
}

}  // namespace secure_alloc
