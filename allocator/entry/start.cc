#include "allocator/entry/entry.h"

#include <sys/auxv.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

#include "allocator/base/mutex.h"
#include "allocator/base/random.h"
#include "allocator/base/text.h"
#include "allocator/domain/domain.h"
#include "allocator/domain/fork.h"
#include "allocator/heap/standard_heaps.h"
#include "allocator/os/os.h"

// Where the loader found the program's arguments; glibc's.
extern "C" [[gnu::weak]] void* __libc_stack_end;

namespace secure_alloc::entry {
namespace {

enum Stage { kNothing, kFailed, kReady };

constinit std::atomic<Stage> stage{kNothing};
constinit Mutex start_mutex;
constinit Options options;

// The environment, also before the C library's own start, when .preinit_array runs: behind
// argc, argv and a null pointer.
char** Environment() {
  if (environ != nullptr || &__libc_stack_end == nullptr) return environ;
  char** const arguments = static_cast<char**>(__libc_stack_end);
  return arguments + reinterpret_cast<uintptr_t>(*arguments) + 2;
}

const char* OptionsText() {
  constexpr char kName[] = "SECALLOC_OPTIONS=";
  char** variable = Environment();
  if (variable == nullptr || getauxval(AT_SECURE) != 0) return "";
  for (; *variable != nullptr; ++variable) {
    if (std::strncmp(*variable, kName, sizeof kName - 1) == 0) return *variable + sizeof kName - 1;
  }
  return "";
}

Stage StartLocked() {
  os::RememberStderr();
  if (!space.Init()) {
    Line line;
    line << "secure_alloc: no address space for the heap: 256 MiB are needed; raise `ulimit -v`";
    line.WriteStderr();
    return kFailed;
  }
  check_key = RandomWord() | 1;
  ParseOptions(OptionsText(), &options);
  keeps_forms = options.mismatch;
  FindInlineCode();
  InitStandardHeaps();
  ConfigureSecretDomain(options);
  process_record.process.Set(os::ProcessId());
  return kReady;
}

}  // namespace

bool Start() {
  if (stage.load(std::memory_order_acquire) == kReady) [[likely]] return true;
  {
    MutexLock lock(start_mutex);
    if (stage.load(std::memory_order_relaxed) != kNothing) {
      return stage.load(std::memory_order_relaxed) == kReady;
    }
    // Release pairs with the acquire above: space and options are complete.
    stage.store(StartLocked(), std::memory_order_release);
  }
  if (stage.load(std::memory_order_relaxed) == kFailed) return false;
  // May allocate, so after the lock and the stage.
  RegisterForkHandlers();
  return true;
}

const Options& CurrentOptions() { return options; }

}  // namespace secure_alloc::entry
