#include "preload/trace.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>

#include "allocator/base/text.h"
#include "allocator/os/os.h"
#include "preload/modules.h"

namespace secure_alloc::trace {
namespace {

// More than programs load; what is beyond is counted together.
constexpr unsigned kModules = 512;
constexpr size_t kNameSize = 104;
constexpr const char* kDomains[] = {"ordinary", "secret"};

enum State : uint32_t { kFree, kTaken, kNamed };

struct Module {
  std::atomic<State> state;
  char name[kNameSize];  // complete once the state is kNamed
  struct {
    std::atomic<uint64_t> calls, bytes;
  } figures[2];  // by domain
};

struct Row {
  const char* name;
  unsigned domain;
  uint64_t calls, bytes;

  bool IsOf(const Row& other) const {
    return domain == other.domain && std::strcmp(name, other.name) == 0;
  }
};

struct Book {
  Module modules[kModules + 1];    // the last: what found no place
  Row rows[2 * (kModules + 1)];  // for Write()
};

constinit std::atomic<Book*> book{nullptr};

// Mapped by the first call; null without memory for it.
Book* TheBook() {
  Book* present = book.load(std::memory_order_acquire);
  if (present != nullptr) return present;
  Book* const fresh = static_cast<Book*>(os::MapAnonymous(sizeof(Book)));
  // Release pairs with the acquire above: it is all zero.
  if (fresh == nullptr || book.compare_exchange_strong(present, fresh, std::memory_order_acq_rel)) {
    return fresh;
  }
  os::Unmap(fresh, sizeof(Book));
  return present;
}

unsigned Hash(const char* name) {
  uint32_t hash = 2166136261u;  // FNV-1a
  for (; *name != '\0'; ++name) hash = (hash ^ static_cast<unsigned char>(*name)) * 16777619u;
  return hash % kModules;
}

// Whoever takes a place names it. Others pass by a place that isn't named yet, and may name a
// second one alike: Write() adds them up.
Module& Find(Book* in, const char* name) {
  unsigned at = Hash(name);
  for (unsigned i = 0; i < kModules; ++i, at = (at + 1) % kModules) {
    Module& module = in->modules[at];
    State state = kFree;
    if (module.state.compare_exchange_strong(state, kTaken, std::memory_order_acquire)) {
      std::strncpy(module.name, name, kNameSize - 1);
      // Release pairs with the acquire above and in Write().
      module.state.store(kNamed, std::memory_order_release);
      return module;
    }
    if (state == kNamed && std::strncmp(module.name, name, kNameSize - 1) == 0) return module;
  }
  return in->modules[kModules];
}

void Forget() {
  Book* const present = book.load(std::memory_order_acquire);
  if (present == nullptr) return;
  for (Module& module : present->modules) {
    for (auto& figures : module.figures) {
      figures.calls.store(0, std::memory_order_relaxed);
      figures.bytes.store(0, std::memory_order_relaxed);
    }
  }
}

unsigned Collect(Book* from) {
  Row* const rows = from->rows;
  unsigned count = 0;
  for (unsigned i = 0; i <= kModules; ++i) {
    const Module& module = from->modules[i];
    if (i < kModules && module.state.load(std::memory_order_acquire) != kNamed) continue;
    for (unsigned domain = 0; domain < 2; ++domain) {
      const Row row = {i < kModules ? module.name : "others", domain,
                       module.figures[domain].calls.load(std::memory_order_relaxed),
                       module.figures[domain].bytes.load(std::memory_order_relaxed)};
      if (row.calls == 0) continue;
      Row* const same = std::find_if(rows, rows + count, [&](const Row& r) { return r.IsOf(row); });
      if (same == rows + count) {
        rows[count++] = row;
      } else {
        same->calls += row.calls;
        same->bytes += row.bytes;
      }
    }
  }
  return count;
}

}  // namespace

// Without memory for the handler a child counts on from its parent's figures.
void Prepare() { (void)pthread_atfork(nullptr, nullptr, Forget); }

void Note(const char* file, bool secret, size_t size) {
  Book* const present = TheBook();
  if (present == nullptr) return;
  auto& figures = Find(present, rules::FileName(file)).figures[secret];
  figures.calls.fetch_add(1, std::memory_order_relaxed);
  figures.bytes.fetch_add(size, std::memory_order_relaxed);
}

void Write() {
  Book* const present = book.load(std::memory_order_acquire);
  if (present == nullptr) return;
  Row* const rows = present->rows;
  const unsigned count = Collect(present);
  std::sort(rows, rows + count, [](const Row& a, const Row& b) { return a.bytes > b.bytes; });
  for (const Row* row = rows; row < rows + count; ++row) {
    Line line;
    line << "secure_alloc: trace pid=" << uint64_t{os::ProcessId()}
         << " domain=" << kDomains[row->domain] << " calls=" << row->calls
         << " bytes=" << row->bytes << " module=" << row->name;
    line.WriteStderr();
  }
}

}  // namespace secure_alloc::trace
