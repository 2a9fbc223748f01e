// The one way in which a lie about a pointer ends: a fixed sentence on standard
// error and SIGABRT. No allocation, no data, and of addresses only the caller's.
//
//   secure_alloc: double free (called from 0x55d0c0de1234) [event=fault kind="double free" pid=12]
#pragma once

namespace secure_alloc {

enum class FaultKind {
  kDoubleFree,
  kInvalidFree,      // never an object's start: interior, stack, global, foreign
  kOverflow,         // the check byte behind an object is gone
  kWriteAfterFree,   // a free slot is not zero
  kWrongSize,        // sized free with a size that was not asked for
  kWrongDomain,      // freed in a domain that it is not in
  kNotFree,          // option `mismatch`: an object of malloc, new, new[], freed otherwise
  kNotDelete,
  kNotDeleteArray,
  kFreedUse,         // realloc, usable size or query-like call on a freed object
  kHeapCorrupted,    // our own metadata contradict each other
  kForkWithoutCopy,  // a child without its copy of the secrets
  kForkWithoutZeros,  // ... that is denied them, without what replaces promoted pages of its heap
};

[[noreturn]] [[gnu::cold]] void Fault(FaultKind kind, const void* caller);

// Called with the kind in a few words ("double free") after the line is out and before the
// process is aborted: by the first thread that faults, once. Other threads that fault meanwhile
// wait for the end; a fault of the handler itself is the end at once. Null: none.
using FaultHandler = void (*)(const char* kind, const void* caller, void* context);
void SetFaultHandler(FaultHandler handler, void* context);

// Invariants of our own. SA_CHECK where it is cheap or guards security.
#define SA_CHECK(condition)                                                             \
  do {                                                                                  \
    if (!(condition)) [[unlikely]]                                                      \
      ::secure_alloc::Fault(::secure_alloc::FaultKind::kHeapCorrupted, nullptr);        \
  } while (false)

}  // namespace secure_alloc
