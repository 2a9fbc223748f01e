#include "allocator/promote/plan.h"

#include <errno.h>

#include <algorithm>

#include "allocator/os/live.h"
#include "allocator/pages/arena.h"
#include "allocator/pages/space.h"

namespace secure_alloc {
namespace {

// May this mapping's pages become secret?
int CheckKind(const os::Mapping& mapping, uintptr_t page) {
  const bool kind =
      !mapping.shared && !mapping.foreign && (mapping.protection & os::kExecutable) == 0;
  return kind && !os::IsLocked(reinterpret_cast<void*>(page)) ? 0 : EINVAL;
}

}  // namespace

int Translate(int error) {
  switch (error) {
    case ENOSYS:  // no memfd_secret(2), or no /proc
    case EPERM:   // a sandbox; sealed memory is told apart where it is found
    case ENOENT:
    case EACCES:
    case EIO:
      return EOPNOTSUPP;
    case EMFILE:
    case ENFILE:
    case EFBIG:
      return EAGAIN;
    case EFAULT:  // unmapped by another thread meanwhile
      return ENOMEM;
    default:
      return error;
  }
}

// Of pages in the space only those of ordinary objects may change; what is secret or locked
// already is found in the memory map.
bool MayConvert(uintptr_t begin, uintptr_t end) {
  for (uintptr_t at = begin; at < end; at += kPageSize) {
    if (!space.Contains(at)) continue;
    const Arena* const arena = space.OwnerOf(at);
    if (arena == nullptr) return false;
    if (arena->source->protection() != Protection::kPlain || arena->whole) continue;
    const PageKind kind = arena->info[arena->PageOf(at)].kind;
    if (kind != PageKind::kSlab && kind != PageKind::kLarge) return false;
  }
  return true;
}

int Plan::Collect(os::MappingReader& reader, uintptr_t begin, uintptr_t end) {
  count_ = 0;
  bytes_ = 0;
  next_ = begin;
  reader.Restart(begin);
  os::Mapping mapping;
  while (next_ < end && count_ < kSegments) {
    if (!reader.Next(&mapping)) return reader.error() != 0 ? Translate(reader.error()) : ENOMEM;
    if (mapping.begin > next_) return ENOMEM;
    const uintptr_t until = std::min(end, mapping.end);
    if (!mapping.secret) {
      if (const int error = CheckKind(mapping, next_); error != 0) return error;
      segments_[count_++] = {next_, until, mapping.protection};
      bytes_ += until - next_;
    }
    next_ = until;
  }
  return 0;
}

}  // namespace secure_alloc
