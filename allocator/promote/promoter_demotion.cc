// The part of the promoter that makes pages ordinary again.
#include <errno.h>

#include <algorithm>

#include "allocator/base/bits.h"
#include "allocator/base/bytes.h"
#include "allocator/os/live.h"
#include "allocator/os/os.h"
#include "allocator/promote/call.h"
#include "allocator/promote/promoter.h"
#include "allocator/promote/steps.h"

namespace secure_alloc {

int Promoter::Demote(uintptr_t begin, uintptr_t end, Method method) {
  Call call;
  int error = call.Begin(begin, end, method, Converter::kDemote, __builtin_frame_address(0));
  if (error != 0) return error;
  MutexLock lock(mutex_);
  os::SignalsBlocked no_handlers;  // Who waits for the lock can be stopped.
  bool as_known;
  if (error = CheckDemotable(call.maps, begin, end, &as_known); error != 0) return error;
  if (!as_known) {
    if (error = registry_.Reconcile(); error != 0) return Translate(error);
  }
  for (uintptr_t at = begin; at < end;) {
    const size_t index = registry_.FirstBehind(at);
    if (index == registry_.count() || registry_.piece(index).begin >= end) break;
    const Piece piece = registry_.piece(index);
    const uintptr_t until = std::min(end, piece.end());
    error = DemotePiece(index, std::max(at, piece.begin), until, call.converter);
    if (error != 0) return error == EPERM ? EPERM : Translate(error);  // Sealed.
    at = until;
  }
  ++demotions_;
  Tell();
  return 0;
}

// *as_known: the registry knows what lies in the range, and no more than that.
int Promoter::CheckDemotable(os::MappingReader& reader, uintptr_t begin, uintptr_t end,
                             bool* as_known) {
  reader.Restart(begin);
  os::Mapping mapping;
  size_t pages = 0;
  *as_known = true;
  for (uintptr_t at = begin; at < end; at = mapping.end) {
    if (!reader.Next(&mapping)) return reader.error() != 0 ? Translate(reader.error()) : ENOMEM;
    if (mapping.begin > at) return ENOMEM;
    if (!mapping.secret) continue;
    // Secret by other means: an arena's, or the program's own.
    if (registry_.FindFile(mapping.inode) == nullptr) return EINVAL;
    const uintptr_t until = std::min(end, mapping.end);
    pages += (until - at) / kPageSize;
    const size_t index = registry_.FirstBehind(at);
    *as_known &= index < registry_.count() && registry_.piece(index).Is(mapping, at, until);
  }
  *as_known &= pages == registry_.PagesIn(begin, end);
  return 0;
}

int Promoter::DemotePiece(size_t index, uintptr_t begin, uintptr_t end, Converter& converter) {
  if (Refused(Step::kTable) != 0 || !registry_.Reserve()) return ENOMEM;
  const Piece piece = registry_.piece(index);
  char* alias;
  size_t done;
  const int error = converter.Demote(reinterpret_cast<char*>(begin), end - begin, piece.protection,
                                     &alias, &done);
  if (error == 0) {
    WipeBytes(alias, end - begin);
    KeepOrUnmap(index, begin, end, alias);
  } else if (done > 0) {
    registry_.Cut(index, begin, begin + done, /*take_file=*/false);
  }
  return error;
}

// Secret pages that are wiped, and nobody's any more: for the pool, if they are a whole file.
void Promoter::KeepOrUnmap(size_t index, uintptr_t begin, uintptr_t end, char* alias) {
  const Piece piece = registry_.piece(index);
  const size_t length = end - begin;
  const size_t pages = registry_.FileOf(piece).pages;
  const bool whole =
      length == pages * kPageSize && IsPowerOfTwo(pages) && pages < size_t{1} << Pool::kOrders;
  if (registry_.Cut(index, begin, end, whole) && whole) {
    pool_.Give({alias, piece.inode, FloorLog2(pages)});
  } else {
    os::Unmap(alias, length);
  }
}

bool Promoter::Release(uintptr_t begin, uintptr_t end) {
  MutexLock lock(mutex_);
  bool all = true;
  for (uintptr_t at = begin; at < end;) {
    const size_t index = registry_.FirstBehind(at);
    if (index == registry_.count() || registry_.piece(index).begin >= end) break;
    const Piece piece = registry_.piece(index);
    at = std::max(at, piece.begin);
    const uintptr_t until = std::min(end, piece.end());
    all &= ReleasePiece(index, at, until);
    at = until;
  }
  return all;
}

bool Promoter::ReleasePiece(size_t index, uintptr_t begin, uintptr_t end) {
  char* const pages = reinterpret_cast<char*>(begin);
  const size_t length = end - begin;
  WipeBytes(pages, length);
  if (Refused(Step::kTable) != 0 || !registry_.Reserve()) return false;
  void* alias = nullptr;
  if (Refused(Step::kAlias) == 0) (void)os::Alias(pages, length, &alias);
  const bool gone = Refused(Step::kFresh) == 0 &&
                    os::MapAnonymousOver(pages, length, os::kReadWrite) == 0;
  if (gone && alias != nullptr) {
    KeepOrUnmap(index, begin, end, static_cast<char*>(alias));
  } else if (gone) {
    registry_.Cut(index, begin, end, /*take_file=*/false);
  } else if (alias != nullptr) {
    os::Unmap(alias, length);
  }
  return gone;
}

}  // namespace secure_alloc
