#include "allocator/promote/promoter.h"

#include <errno.h>

#include <algorithm>

#include "allocator/base/bytes.h"
#include "allocator/base/fault.h"
#include "allocator/heap/standard_heaps.h"
#include "allocator/os/live.h"
#include "allocator/os/os.h"
#include "allocator/pages/promoted.h"
#include "allocator/pages/space.h"
#include "allocator/promote/held.h"
#include "allocator/promote/steps.h"
#include "allocator/record/record.h"

namespace secure_alloc {

constinit Promoter promoter(secret_budget);

namespace {

void ReleasePromoted(void* address, size_t length) {
  promoter.Release(Address(address), Address(address) + length);
}

// What a conversion begins with: a method, and memory that nobody holds.
struct Call {
  Converter converter;
  os::MappingReader maps;

  // `frame`: see CheckNotHeld().
  int Begin(uintptr_t begin, uintptr_t end, Method method, Converter::Use use, const void* frame) {
    int error = converter.Open(method, use);
    if (error == 0) error = CheckNotHeld(begin, end, converter.method(), frame, maps);
    return Translate(error);
  }
};

}  // namespace

bool Promoter::HasRoomFor(size_t bytes) {
  if (bytes <= budget_.room() + pool_.bytes()) return true;
  // The program may have unmapped some since.
  return registry_.Reconcile() == 0 && bytes <= budget_.room() + pool_.bytes();
}

// --- Promotion ---------------------------------------------------------------------

int Promoter::Promote(uintptr_t begin, uintptr_t end, How how) {
  Call call;
  int error = call.Begin(begin, end, how.method, Converter::kPromote, __builtin_frame_address(0));
  if (error != 0) return error;
  MutexLock lock(mutex_);
  os::SignalsBlocked no_handlers;  // Who waits for the lock can be stopped.
  promoted_pages.release.store(ReleasePromoted, std::memory_order_relaxed);
  ++call_;
  if (registry_.Overlaps(begin, end)) {
    if (error = registry_.Reconcile(); error != 0) return Translate(error);
  }
  // Everything is looked at first.
  Plan plan;
  size_t bytes = 0;
  unsigned parts = 0;
  for (uintptr_t at = begin; at < end; at = plan.next(), ++parts) {
    if (error = plan.Collect(call.maps, at, end); error != 0) return error;
    bytes += plan.bytes();
  }
  if (!MayConvert(begin, end)) return EINVAL;
  if (!HasRoomFor(bytes)) return EAGAIN;
  for (uintptr_t at = begin; at < end; at = plan.next()) {
    if (error = parts > 1 ? plan.Collect(call.maps, at, end) : 0; error != 0) {
      UndoCall(begin, at, call.converter);
      return error;
    }
    for (const Segment& segment : plan) {
      error = PromoteSegment(segment, call.converter, how.unshared);
      if (error == 0) continue;
      UndoCall(begin, segment.end, call.converter);
      return error;
    }
  }
  ++promotions_;
  Tell();
  return 0;
}

int Promoter::PromoteSegment(const Segment& segment, Converter& converter, bool unshared) {
  for (uintptr_t at = segment.begin; at < segment.end;) {
    PoolFile file;
    int error = pool_.Take(Pool::OrderFor(segment.end - at), &file);
    if (error != 0) return Translate(error);
    error = PromoteRun(at, file, segment.protection, converter, unshared);
    if (error != 0) {
      pool_.Give(file);
      return error;
    }
    at += kPageSize << file.order;
  }
  return 0;
}

int Promoter::PromoteRun(uintptr_t begin, const PoolFile& file, int protection,
                         Converter& converter, bool unshared) {
  const size_t pages = size_t{1} << file.order;
  if (Refused(Step::kTable) != 0 || !registry_.Reserve()) return ENOMEM;
  PromotedFile record = {file.inode, pages, pages, converter.method(), nullptr, 0, 0};
  // A child made now must find a copy of what comes to lie here.
  if (fork_under_way_) {
    if (const int error = MakeCopy(record); error != 0) return Translate(error);
  }
  const int error = converter.Promote(reinterpret_cast<char*>(begin), pages * kPageSize, protection,
                                      file.address, unshared);
  if (error != 0) {
    DropCopy(record);
    // The mapping is sealed: memfd_secret(2) and userfaultfd(2) have been had.
    return error == EPERM ? EPERM : Translate(error);
  }
  registry_.Add({begin, pages, file.inode, 0, protection, call_}, record);
  return 0;
}

void Promoter::UndoCall(uintptr_t begin, uintptr_t end, Converter& converter) {
  for (uintptr_t at = begin; at < end;) {
    const size_t index = registry_.FirstBehind(at);
    if (index == registry_.count() || registry_.piece(index).begin >= end) return;
    const Piece piece = registry_.piece(index);
    at = piece.end();
    // If it can't be undone it stays secret, which is told to who asks.
    if (piece.call == call_) (void)DemotePiece(index, piece.begin, piece.end(), converter);
  }
}

// --- Demotion ----------------------------------------------------------------------

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
    KeepOrUnmap(index, begin, end, alias);
  } else if (done > 0) {
    registry_.Cut(index, begin, begin + done, /*take_file=*/false);
  }
  return error;
}

// Secret pages that are in nobody's way any more: for the pool, if they are a whole file.
void Promoter::KeepOrUnmap(size_t index, uintptr_t begin, uintptr_t end, char* alias) {
  const Piece piece = registry_.piece(index);
  const size_t length = end - begin;
  WipeBytes(alias, length);
  const size_t pages = registry_.FileOf(piece).pages;
  const bool whole =
      length == pages * kPageSize && IsPowerOfTwo(pages) && pages < size_t{1} << Pool::kOrders;
  if (registry_.Cut(index, begin, end, whole) && whole) {
    pool_.Give({alias, piece.inode, FloorLog2(pages)});
  } else {
    os::Unmap(alias, length);
  }
}

void Promoter::Release(uintptr_t begin, uintptr_t end) {
  MutexLock lock(mutex_);
  for (uintptr_t at = begin; at < end;) {
    const size_t index = registry_.FirstBehind(at);
    if (index == registry_.count() || registry_.piece(index).begin >= end) return;
    const Piece piece = registry_.piece(index);
    at = std::max(at, piece.begin);
    const uintptr_t until = std::min(end, piece.end());
    const size_t length = until - at;
    char* const pages = reinterpret_cast<char*>(at);
    WipeBytes(pages, length);
    void* alias;
    // Without a map entry, or sealed, they stay secret for now, and are zero.
    if (registry_.Reserve() && os::Alias(pages, length, &alias) == 0) {
      if (os::MapAnonymousOver(pages, length, os::kReadWrite) == 0) {
        KeepOrUnmap(index, at, until, static_cast<char*>(alias));
      } else {
        os::Unmap(alias, length);
      }
    }
    at = until;
  }
}

// --- Upkeep ------------------------------------------------------------------------

int Promoter::Reserve(size_t bytes) {
  MutexLock lock(mutex_);
  return Translate(pool_.Fill(bytes));
}

bool Promoter::IsKnown(uintptr_t address) {
  MutexLock lock(mutex_);
  return registry_.Overlaps(address, address + 1);
}

Method Promoter::MethodOf(uintptr_t address) {
  MutexLock lock(mutex_);
  os::Mapping mapping;
  if (registry_.file_count() == 0 || os::FindMapping(address, &mapping) != 0) return Method::kNone;
  const PromotedFile* const file = mapping.secret ? registry_.FindFile(mapping.inode) : nullptr;
  return file != nullptr ? file->method : Method::kNone;
}

Method Promoter::BestMethod() {
  Converter converter;
  return converter.Open(Method::kNone, Converter::kPromote) == 0 ? converter.method()
                                                                 : Method::kNone;
}

PromotionUsage Promoter::GetUsage() {
  MutexLock lock(mutex_);
  (void)registry_.Reconcile();  // What was known before is the best there is then.
  Tell();
  return {registry_.bytes(), pool_.bytes(), promotions_, demotions_};
}

void Promoter::Trim() {
  MutexLock lock(mutex_);
  pool_.Drop();
  (void)registry_.Reconcile();  // As above.
  Tell();
}

void Promoter::Tell() {
  PromotionRecord& record = process_record.promotion;
  record.bytes.Set(registry_.bytes());
  record.pool_bytes.Set(pool_.bytes());
  record.promotions.Set(promotions_);
  record.demotions.Set(demotions_);
}

}  // namespace secure_alloc
