// The part of the promoter that runs around fork(2).
#include <errno.h>

#include "allocator/base/bytes.h"
#include "allocator/base/fault.h"
#include "allocator/os/live.h"
#include "allocator/os/os.h"
#include "allocator/pages/space.h"
#include "allocator/promote/promoter.h"

namespace secure_alloc {
namespace {

// What a child needs of its stack before it has its copies.
constexpr size_t kForkFrames = 64 * kKiB;

// Copies pages that the program may have made unreadable.
int CopyFrom(const Piece& piece, char* to) {
  if ((piece.protection & os::kReadable) != 0) {
    CopyWritten(to, piece.address(), piece.bytes());
    return 0;
  }
  void* alias;
  int error = os::Alias(piece.address(), piece.bytes(), &alias);
  if (error != 0) return error;
  error = os::ProtectAs(alias, piece.bytes(), os::kReadable);
  if (error == 0) CopyWritten(to, alias, piece.bytes());
  os::Unmap(alias, piece.bytes());
  return error;
}

// Zero pages for the places of the space where a child has none. With more address space in use
// than RLIMIT_AS allows nothing more is mapped: reserved space of free spans moves there.
class Zeros {
 public:
  [[nodiscard]] bool TryFill(char* place, size_t length) {
    if (os::MapAnonymousOver(place, length, os::kReadWrite) == 0) return true;
    if (left_ < length) {
      // Nobody's from here on: others may come to lie where it was. The space's lock is free, as
      // this thread alone has all page heaps'.
      const size_t spans = (length + kSpanSize - 1) / kSpanSize;
      next_ = space.TakeSpans(spans, /*dumped=*/false);
      if (next_ == 0) return false;
      left_ = spans * kSpanSize;
    }
    char* const reserved = reinterpret_cast<char*>(next_);
    if (os::Move(reserved, place, length) != 0 || os::Commit(place, length) != 0) return false;
    os::SetDumped(place, length, true);
    next_ += length;
    left_ -= length;
    return true;
  }

 private:
  uintptr_t next_ = 0;
  size_t left_ = 0;
};

}  // namespace

int Promoter::MakeCopy(PromotedFile& file) {
  DropCopy(file);
  void* copy;
  const size_t bytes = file.pages * kPageSize;
  int error = os::MapSecretFile(bytes, /*inherit=*/true, &copy, &file.copy_inode);
  if (error != 0) return error;
  error = os::FaultIn(copy, bytes);
  if (error != 0) {
    os::Unmap(copy, bytes);
    return error == EFAULT ? EAGAIN : error;  // memlock, where it is charged at the fault.
  }
  file.copy = static_cast<char*>(copy);
  file.copy_pages = file.pages;
  return 0;
}

int Promoter::MakeCopies() {
  MutexLock lock(mutex_);
  fork_under_way_ = true;
  if (registry_.file_count() == 0) return 0;
  const uintptr_t frame = Address(__builtin_frame_address(0));
  int error = registry_.Reconcile();
  if (error == 0 && registry_.Overlaps(frame - kForkFrames, frame + kPageSize)) error = EBUSY;
  for (size_t i = 0; i < registry_.file_count() && error == 0; ++i) {
    error = MakeCopy(registry_.file(i));
  }
  // Unreadable and sealed: found out now, as FillCopies() comes when fork can't fail any more.
  for (size_t i = 0; i < registry_.count() && error == 0; ++i) {
    const Piece& piece = registry_.piece(i);
    if ((piece.protection & os::kReadable) == 0) {
      error = CopyFrom(piece, registry_.FileOf(piece).copy + piece.first_page * kPageSize);
    }
  }
  // The child will have to move them into place, and can't refuse to be.
  if (error == 0) error = os::TryMove();
  if (error != 0) DropCopies();
  return error;
}

// As of arenas. Unless it is known where the pages are now, others may lie there.
void Promoter::KeepFromChildren() {
  if (registry_.Reconcile() != 0) return;
  for (size_t i = 0; i < registry_.count(); ++i) {
    (void)os::KeepFromChildren(registry_.piece(i).address(), registry_.piece(i).bytes());
  }
}

// MakeCopies() or KeepFromChildren() has just looked what there is.
int Promoter::FillCopies() {
  for (size_t i = 0; i < registry_.count(); ++i) {
    const Piece& piece = registry_.piece(i);
    PromotedFile& file = registry_.FileOf(piece);
    // Forked without our wrapper, or grown since.
    if (file.copy == nullptr || file.copy_pages < file.pages) {
      if (const int error = MakeCopy(file); error != 0) return error;
    }
    char* const to = file.copy + piece.first_page * kPageSize;
    if (const int error = CopyFrom(piece, to); error != 0) return error;
  }
  return 0;
}

void Promoter::DropCopies() {
  fork_under_way_ = false;
  for (size_t i = 0; i < registry_.file_count(); ++i) DropCopy(registry_.file(i));
}

void Promoter::AdoptCopies() {
  fork_under_way_ = false;
  pool_.Forget();
  for (size_t i = 0; i < registry_.count(); ++i) {
    const Piece& piece = registry_.piece(i);
    const char* const from = registry_.FileOf(piece).copy + piece.first_page * kPageSize;
    SA_CHECK(os::AliasOver(const_cast<char*>(from), piece.address(), piece.bytes()) == 0);
    SA_CHECK(os::KeepFromChildren(piece.address(), piece.bytes()) == 0);
    if (piece.protection == os::kReadWrite) continue;
    SA_CHECK(os::ProtectAs(piece.address(), piece.bytes(), piece.protection) == 0);
  }
  for (size_t i = 0; i < registry_.file_count(); ++i) {
    const PromotedFile& file = registry_.file(i);
    os::Unmap(file.copy, file.copy_pages * kPageSize);
  }
  registry_.AdoptCopies();
  Tell();
}

void Promoter::Abandon(void (*abandon)(void* address, size_t length)) {
  fork_under_way_ = false;
  pool_.Forget();
  Zeros zeros;
  for (size_t i = 0; i < registry_.count(); ++i) {
    const Piece& piece = registry_.piece(i);
    // Elsewhere the child finds nothing; among our arenas no one else's memory may come to lie.
    if (!space.Contains(piece.begin)) continue;
    if (!zeros.TryFill(piece.address(), piece.bytes())) {
      Fault(FaultKind::kForkWithoutZeros, nullptr);
    }
    abandon(piece.address(), piece.bytes());
  }
  registry_.Forget();
  Tell();
}

}  // namespace secure_alloc
