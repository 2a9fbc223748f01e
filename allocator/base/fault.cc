#include "allocator/base/fault.h"

#include <atomic>

#include "allocator/base/bits.h"
#include "allocator/base/mutex.h"
#include "allocator/base/probe.h"
#include "allocator/base/text.h"
#include "allocator/os/live.h"
#include "allocator/os/os.h"

namespace secure_alloc {
namespace {

// A kind without its words does not compile.
#pragma GCC diagnostic error "-Wswitch"

// What a handler, a tracer and a watcher of the line are told.
const char* Name(FaultKind kind) {
  switch (kind) {
    case FaultKind::kDoubleFree:
      return "double free";
    case FaultKind::kInvalidFree:
      return "invalid free";
    case FaultKind::kOverflow:
      return "overflow";
    case FaultKind::kWriteAfterFree:
      return "write after free";
    case FaultKind::kWrongSize:
      return "wrong size";
    case FaultKind::kWrongDomain:
      return "wrong domain";
    case FaultKind::kNotFree:
    case FaultKind::kNotDelete:
    case FaultKind::kNotDeleteArray:
      return "mismatch";
    case FaultKind::kFreedUse:
      return "freed use";
    case FaultKind::kHeapCorrupted:
      return "heap corrupted";
    case FaultKind::kForkWithoutCopy:
    case FaultKind::kForkWithoutZeros:
      return "fork";
  }
  return "unknown";
}

// For people, and the manual.
const char* Sentence(FaultKind kind) {
  switch (kind) {
    case FaultKind::kDoubleFree:
      return "double free";
    case FaultKind::kInvalidFree:
      return "invalid free: not the start of an allocated object";
    case FaultKind::kOverflow:
      return "overflow: the bytes behind an object were overwritten";
    case FaultKind::kWriteAfterFree:
      return "write after free: a free slot was written to";
    case FaultKind::kWrongSize:
      return "wrong size: an object was freed with a size it does not have";
    case FaultKind::kWrongDomain:
      return "wrong domain: an object was freed in a domain that it is not in";
    case FaultKind::kNotFree:
      return "mismatch: an object of malloc was freed by delete or delete[]";
    case FaultKind::kNotDelete:
      return "mismatch: an object of new was freed by free, realloc or delete[]";
    case FaultKind::kNotDeleteArray:
      return "mismatch: an object of new[] was freed by free, realloc or delete";
    case FaultKind::kFreedUse:
      return "use of a pointer that is not an allocated object";
    case FaultKind::kHeapCorrupted:
      return "heap corrupted: allocator metadata contradict each other";
    case FaultKind::kForkWithoutCopy:
      return "fork: no memory for the child's copy of the secrets; raise the budget or "
             "RLIMIT_MEMLOCK";
    case FaultKind::kForkWithoutZeros:
      return "fork: no address space for what replaces promoted memory in the child's heap; raise "
             "RLIMIT_AS";
  }
  return "unknown fault";
}

struct Handler {
  FaultHandler function;
  void* context;
};

// One of two places is current, so that a fault sees function and context of one call.
constinit Handler handlers[2] = {};
constinit std::atomic<unsigned> current{0};
constinit Mutex setting;

constinit std::atomic<uint32_t> faulting_thread{0};

// True for the first thread; does not return to others.
bool IsFirstToFault() {
  const uint32_t self = os::ThreadId();
  uint32_t first = 0;
  if (faulting_thread.compare_exchange_strong(first, self, std::memory_order_acq_rel)) return true;
  if (first == self) return false;  // In the handler.
  constexpr uint32_t kNever = 0;
  for (;;) os::FutexWait(&kNever, kNever);  // The first thread ends this one, too.
}

}  // namespace

void SetFaultHandler(FaultHandler handler, void* context) {
  MutexLock lock(setting);
  const unsigned next = 1 - current.load(std::memory_order_relaxed);
  handlers[next] = {handler, context};
  // Release pairs with the acquire in Fault().
  current.store(next, std::memory_order_release);
}

void Fault(FaultKind kind, const void* caller) {
  Line line;
  line << "secure_alloc: " << Sentence(kind);
  if (caller != nullptr) line << " (called from " << Hex{Address(caller)} << ")";
  line << " [event=fault kind=\"" << Name(kind)
       << "\" pid=" << uint64_t{os::ProcessId()} << "]";
  line.WriteStderr();
  probe::Faulted(Name(kind), caller);
  const Handler handler = handlers[current.load(std::memory_order_acquire)];
  if (handler.function != nullptr && IsFirstToFault()) {
    handler.function(Name(kind), caller, handler.context);
  }
  os::Abort();
}

}  // namespace secure_alloc

// The vtables of abstract classes name it; the C++ library, which has it, is not linked.
extern "C" [[noreturn]] void __cxa_pure_virtual() {
  secure_alloc::Fault(secure_alloc::FaultKind::kHeapCorrupted, nullptr);
}
