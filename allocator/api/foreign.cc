#include "allocator/api/foreign.h"

#include <dlfcn.h>
#include <malloc.h>

#include <cstring>

#include "allocator/base/bits.h"
#include "allocator/entry/entry.h"
#include "allocator/os/live.h"
#include "allocator/os/os.h"

namespace secure_alloc {
namespace {

// Before each object of glibc's malloc lies its chunk's size, with three flags.
constexpr size_t kHeader = 16, kSmallest = 32;
constexpr size_t kInUse = 1, kMapped = 2, kFlags = 7;

size_t WordBefore(const void* pointer, unsigned words) {
  size_t word;
  std::memcpy(&word, static_cast<const char*>(pointer) - words * sizeof word, sizeof word);
  return word;
}

using UsableSize = size_t (*)(void*);

// Of the malloc that serves what is not ours. Null: all of malloc's is ours.
UsableSize TheirUsableSize() {
  if (const entry::Peer* const peer = entry::CurrentPeer()) return peer->usable_size;
  const UsableSize found = &malloc_usable_size;
  Dl_info theirs, ours;
  if (dladdr(reinterpret_cast<const void*>(found), &theirs) == 0 ||
      dladdr(reinterpret_cast<const void*>(&ForeignSize), &ours) == 0) {
    return nullptr;
  }
  return theirs.dli_fbase == ours.dli_fbase ? nullptr : found;
}

bool IsGlibcs(UsableSize function) {
  Dl_info info;
  if (dladdr(reinterpret_cast<const void*>(function), &info) == 0) return false;
  return info.dli_fname != nullptr && std::strstr(info.dli_fname, "/libc.so") != nullptr;
}

// Could a chunk of glibc's lie here, in use?
bool LooksLikeChunk(const char* object) {
  if (Address(object) % kHeader != 0) return false;
  os::Mapping mapping;
  const uintptr_t header = Address(object) - kHeader;
  if (os::FindMapping(header, &mapping) != 0) return false;
  if ((mapping.protection & os::kReadable) == 0 || mapping.foreign) return false;
  if (Address(object) >= mapping.end) return false;
  const size_t word = WordBefore(object, 1);
  const size_t size = word & ~kFlags;
  if (size < kSmallest || size % kHeader != 0) return false;
  if ((word & kMapped) != 0) {
    // A mapping of its own: begins and ends with pages.
    const uintptr_t begin = header - WordBefore(object, 2);
    return begin % os::PageSize() == 0 && (header + size) % os::PageSize() == 0;
  }
  // The next chunk says that this one is in use.
  const uintptr_t next = header + size;
  if (next < header || os::FindMapping(next, &mapping) != 0) return false;
  if ((mapping.protection & os::kReadable) == 0 || mapping.foreign) return false;
  if (next + kHeader > mapping.end) return false;
  return (WordBefore(reinterpret_cast<const char*>(next) + kHeader, 1) & kInUse) != 0;
}

}  // namespace

size_t ForeignSize(void* pointer) {
  if (pointer == nullptr) return 0;
  const UsableSize usable_size = TheirUsableSize();
  if (usable_size == nullptr) return 0;
  if (IsGlibcs(usable_size) && !LooksLikeChunk(static_cast<const char*>(pointer))) return 0;
  return usable_size(pointer);
}

}  // namespace secure_alloc
