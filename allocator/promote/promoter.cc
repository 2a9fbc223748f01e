#include "allocator/promote/promoter.h"

#include <errno.h>

#include "allocator/heap/standard_heaps.h"
#include "allocator/os/live.h"
#include "allocator/pages/promoted.h"
#include "allocator/promote/call.h"
#include "allocator/promote/steps.h"
#include "allocator/record/record.h"

namespace secure_alloc {

constinit Promoter promoter(secret_budget);

namespace {

bool ReleasePromoted(void* address, size_t length) {
  return promoter.Release(Address(address), Address(address) + length);
}

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
  if (registry_.file_count() == 0) return Method::kNone;
  os::Mapping mapping;
  const int error = os::FindMapping(address, &mapping);
  if (error != 0 && error != ENOMEM) {
    // The map can't be read, for want of a descriptor: what was known before is the best there is.
    const size_t index = registry_.FirstBehind(address);
    const bool known = index < registry_.count() && registry_.piece(index).begin <= address;
    return known ? registry_.FileOf(registry_.piece(index)).method : Method::kNone;
  }
  if (error != 0) return Method::kNone;
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
