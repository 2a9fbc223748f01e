#include "allocator/base/lock_counts.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "allocator/base/text.h"

namespace secure_alloc {

struct LockEntry {
  std::atomic<const char*> file{nullptr};
  std::atomic<uint64_t> taken{0};
  std::atomic<uint64_t> waited{0};  // the first try failed
  std::atomic<uint64_t> slept{0};   // ... and the tries after it
};

namespace {

// For each bin of the two heaps with thread caches, and the few other locks.
constexpr unsigned kEntries = 256;

constinit LockEntry entries[kEntries];
constinit std::atomic<unsigned> used{0};

void Increment(std::atomic<uint64_t>& count) {
  count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

[[gnu::destructor]] void OnExit() {
  if constexpr (kCountLocks) LockCounts::WriteAll();
}

}  // namespace

void LockCounts::CountTaken() {
  if (entry_ == nullptr) {
    const unsigned index = used.fetch_add(1, std::memory_order_relaxed);
    if (index >= kEntries) return;
    entry_ = &entries[index];
    entry_->file.store(file_, std::memory_order_relaxed);
  }
  Increment(entry_->taken);
}

void LockCounts::CountWait(bool slept) {
  if (entry_ == nullptr) return;
  Increment(entry_->waited);
  if (slept) Increment(entry_->slept);
}

void LockCounts::WriteAll() {
  for (const LockEntry& first : entries) {
    const char* const file = first.file.load(std::memory_order_relaxed);
    if (file == nullptr) continue;
    const auto has_this_file = [file](const LockEntry& entry) {
      const char* const its = entry.file.load(std::memory_order_relaxed);
      return its != nullptr && strcmp(its, file) == 0;
    };
    if (std::any_of(std::cbegin(entries), &first, has_this_file)) continue;  // It has its line.
    uint64_t locks = 0, taken = 0, waited = 0, slept = 0, busiest = 0;
    for (const LockEntry& entry : entries) {
      if (!has_this_file(entry)) continue;
      const uint64_t times = entry.taken.load(std::memory_order_relaxed);
      ++locks;
      taken += times;
      busiest = std::max(busiest, times);
      waited += entry.waited.load(std::memory_order_relaxed);
      slept += entry.slept.load(std::memory_order_relaxed);
    }
    Line line;
    line << "secure_alloc: locks of " << file << ": " << locks << " in use, " << taken << " taken, "
         << waited << " waited, " << slept << " slept, " << busiest << " busiest";
    line.WriteStderr();
  }
}

}  // namespace secure_alloc
