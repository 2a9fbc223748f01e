#include "allocator/base/fault.h"

#include "allocator/base/bits.h"
#include "allocator/base/text.h"
#include "allocator/os/os.h"

namespace secure_alloc {
namespace {

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
    case FaultKind::kFreedUse:
      return "use of a pointer that is not an allocated object";
    case FaultKind::kHeapCorrupted:
      return "heap corrupted: allocator metadata contradict each other";
    case FaultKind::kForkWithoutCopy:
      return "fork: no memory for the child's copy of the secrets; raise the budget or RLIMIT_MEMLOCK";
  }
  return "unknown fault";
}

}  // namespace

void Fault(FaultKind kind, const void* caller) {
  Line line;
  line << "secure_alloc: " << Sentence(kind);
  if (caller != nullptr) line << " (called from " << Hex{Address(caller)} << ")";
  line.WriteStderr();
  os::Abort();
}

}  // namespace secure_alloc

// The vtables of abstract classes name it; the C++ library, which has it, is not linked.
extern "C" [[noreturn]] void __cxa_pure_virtual() {
  secure_alloc::Fault(secure_alloc::FaultKind::kHeapCorrupted, nullptr);
}
