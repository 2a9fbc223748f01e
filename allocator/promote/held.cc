#include "allocator/promote/held.h"

#include <errno.h>
#include <link.h>
#include <stdio.h>

#include <algorithm>
#include <cstring>

#include "allocator/base/bits.h"
#include "allocator/os/live.h"
#include "allocator/os/os.h"
#include "allocator/pages/promoted.h"

extern "C" {
[[gnu::weak]] extern struct _IO_FILE_plus* _IO_list_all;
[[gnu::weak]] void _IO_list_lock();
[[gnu::weak]] void _IO_list_unlock();
[[gnu::weak]] extern char __libc_single_threaded;
}

namespace secure_alloc {
namespace {

struct Range {
  uintptr_t begin;
  uintptr_t end;

  bool Overlaps(uintptr_t other_begin, uintptr_t other_end) const {
    return begin < other_end && other_begin < end;
  }
};

// --- The caller's stack ------------------------------------------------------------

// What the call may still need, and its return address.
constexpr size_t kBelow = 16 * kKiB, kAbove = 16;

bool HoldsFrame(const Range& range, uintptr_t frame) {
  return range.Overlaps(frame - kBelow, RoundUp(frame + kAbove, kPageSize));
}

// --- Variables of libraries --------------------------------------------------------

// The control block, as far as any glibc's goes: 2304 bytes on x86-64 in 2.36.
constexpr size_t kControlBlock = 2560;
// Static thread-local data are near the control block.
constexpr size_t kMostStaticData = kMiB;

struct Libraries {
  Range range;
  bool hit;
  uintptr_t control_block;
  size_t static_data;  // below it
};

bool IsRuntime(const struct dl_phdr_info& module, uintptr_t begin, uintptr_t end) {
  const char* const slash = std::strrchr(module.dlpi_name, '/');
  const char* const file = slash != nullptr ? slash + 1 : module.dlpi_name;
  if (std::strncmp(file, "libc.so", 7) == 0 || std::strncmp(file, "ld-linux", 8) == 0) return true;
  const uintptr_t ours = Address(&promoted_pages);
  return ours >= begin && ours < end;
}

int LookAtModule(struct dl_phdr_info* module, size_t, void* argument) {
  Libraries& libraries = *static_cast<Libraries*>(argument);
  const uintptr_t data = Address(module->dlpi_tls_data);
  if (data != 0 && data < libraries.control_block &&
      libraries.control_block - data < kMostStaticData) {
    libraries.static_data = std::max(libraries.static_data, libraries.control_block - data);
  }
  for (unsigned i = 0; i < module->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = module->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) == 0) continue;
    const uintptr_t begin = module->dlpi_addr + segment.p_vaddr;
    const uintptr_t end = begin + segment.p_memsz;
    if (!libraries.range.Overlaps(begin, end)) continue;
    if (IsRuntime(*module, begin, end)) libraries.hit = true;
  }
  return 0;
}

// --- Threads -----------------------------------------------------------------------

struct Threads {
  Range range;
  uintptr_t list_offset;  // of the robust list in a control block
  size_t static_data;
  bool stacks;   // theirs count too
  Range around;  // the mappings of the range's ends, and between
};

bool HoldsThread(const Range& range, uintptr_t control_block, size_t static_data) {
  return range.Overlaps(control_block - static_data, control_block + kControlBlock);
}

// Has the C library never made a thread?
bool IsOnlyThread() { return &__libc_single_threaded != nullptr && __libc_single_threaded != 0; }

int LookAtThread(uint32_t thread, void* argument) {
  const Threads& threads = *static_cast<Threads*>(argument);
  const uintptr_t list = os::RobustListOf(thread);
  if (list == 0) return 0;
  const uintptr_t control_block = list - threads.list_offset;
  if (HoldsThread(threads.range, control_block, threads.static_data)) return EBUSY;
  // A thread's control block lies in the mapping of its stack.
  if (threads.stacks && thread != os::ProcessId() &&
      threads.around.Overlaps(control_block, control_block + 1))
    return EBUSY;
  return 0;
}

int FindAround(os::MappingReader& reader, const Range& range, bool* first_stack, Range* around) {
  os::Mapping mapping;
  if (const int error = os::FindMapping(reader, range.begin, &mapping); error != 0) return error;
  *first_stack = mapping.stack;
  around->begin = mapping.begin;
  if (mapping.end < range.end) {
    const int error = os::FindMapping(reader, range.end - 1, &mapping);
    if (error != 0) return error;
    *first_stack |= mapping.stack;
  }
  around->end = mapping.end;
  return 0;
}

// --- glibc's own memory ------------------------------------------------------------

bool HoldsOpenFile(const Range& range) {
  if (&_IO_list_all == nullptr || _IO_list_lock == nullptr) return false;
  constexpr size_t kWithLockAndWideData = 512;
  bool holds = false;
  _IO_list_lock();
  for (FILE* file = reinterpret_cast<FILE*>(_IO_list_all); file != nullptr; file = file->_chain) {
    holds |= range.Overlaps(Address(file), Address(file) + kWithLockAndWideData);
  }
  _IO_list_unlock();
  return holds;
}

// A thread's arena begins at a multiple of 64 MiB with the address of its state, behind.
// The word may be anybody's: a sanitizer is not to look.
[[gnu::no_sanitize_address]] bool HoldsArenaHead(os::MappingReader& reader, const Range& range) {
  constexpr uintptr_t kArena = 64 * kMiB;
  for (uintptr_t at = RoundUp(range.begin, kArena); at < range.end; at += kArena) {
    os::Mapping mapping;
    if (os::FindMapping(reader, at, &mapping) != 0 || (mapping.protection & os::kReadable) == 0)
      continue;
    const uintptr_t state = *reinterpret_cast<const uintptr_t*>(at);
    if (state > at && state < at + kPageSize) return true;
  }
  return false;
}

}  // namespace

int CheckNotHeld(uintptr_t begin, uintptr_t end, Method method, const void* frame,
                 os::MappingReader& reader) {
  const Range range = {begin, end};
  if (HoldsFrame(range, Address(frame))) return EBUSY;
  Libraries libraries = {range, false, Address(__builtin_thread_pointer()), 0};
  dl_iterate_phdr(LookAtModule, &libraries);
  if (libraries.hit || HoldsOpenFile(range) || HoldsArenaHead(reader, range)) return EBUSY;
  const bool waits = method == Method::kAllFaults;
  Threads threads = {};
  if (!waits) {
    bool first_stack;
    if (const int error = FindAround(reader, range, &first_stack, &threads.around); error != 0)
      return error;
    uintptr_t signal_begin, signal_end;
    if (first_stack ||
        (os::SignalStack(&signal_begin, &signal_end) && range.Overlaps(signal_begin, signal_end))) {
      return EBUSY;
    }
  }
  if (IsOnlyThread()) {
    return HoldsThread(range, libraries.control_block, libraries.static_data) ? EBUSY : 0;
  }
  threads.range = range;
  threads.list_offset = os::RobustListOf(0) - libraries.control_block;
  threads.static_data = libraries.static_data;
  threads.stacks = !waits;
  return os::ForEachThread(LookAtThread, &threads);
}

}  // namespace secure_alloc
