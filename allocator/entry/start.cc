#include "allocator/entry/start.h"

#include <sys/auxv.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "allocator/base/mutex.h"
#include "allocator/base/random.h"
#include "allocator/base/text.h"
#include "allocator/domain/domain.h"
#include "allocator/domain/fork.h"
#include "allocator/entry/entry.h"
#include "allocator/os/os.h"

namespace secure_alloc::entry {
namespace {

enum Stage { kNothing, kHeap, kFailed, kConfigured };

constinit std::atomic<Stage> stage{kNothing};
constinit Mutex start_mutex;
constinit Options options;

// Under the lock, once.
Stage StartHeap() {
  os::RememberStderr();
  if (!space.Init()) {
    Line line;
    line << "secure_alloc: no address space for the heap: 256 MiB are needed; raise `ulimit -v`";
    line.WriteStderr();
    return kFailed;
  }
  check_key = RandomWord() | 1;
  return kHeap;
}

}  // namespace

bool Start() {
  if (stage.load(std::memory_order_acquire) == kNothing) {
    MutexLock lock(start_mutex);
    if (stage.load(std::memory_order_relaxed) == kNothing) {
      // Release pairs with the acquire above: the space is complete.
      stage.store(StartHeap(), std::memory_order_release);
    }
  }
  if (stage.load(std::memory_order_relaxed) == kHeap && environ != nullptr) Configure();
  return stage.load(std::memory_order_relaxed) != kFailed;
}

bool Configured() { return stage.load(std::memory_order_acquire) == kConfigured; }

const Options& CurrentOptions() { return options; }

void Configure() {
  {
    MutexLock lock(start_mutex);
    if (stage.load(std::memory_order_relaxed) != kHeap) return;
    const char* const text = getauxval(AT_SECURE) == 0 ? std::getenv("SECALLOC_OPTIONS") : nullptr;
    if (text != nullptr) ParseOptions(text, &options);
    ConfigureSecretDomain(options);
    stage.store(kConfigured, std::memory_order_release);
  }
  // May allocate, so after the lock and the stage.
  RegisterForkHandlers(options.fork);
}

}  // namespace secure_alloc::entry
