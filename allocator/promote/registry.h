// What is promoted: pieces of address space, each backed by a part of one secret file.
//
//   files     inode | pages charged | how it became secret | copy for a child
//   pieces    begin | pages | file, page in it | protection        in the order of addresses
//
// The program may unmap, move, cut and protect promoted memory as any other, and tells
// nobody. The kernel knows: Reconcile() reads the memory map, where each file has an inode.
//
// Invariants
// 1. A file is charged to the budget as long as one of its pieces is known; pages of it
//    that are in no piece any more are still the kernel's: it keeps them until the file dies.
// 2. Pieces do not overlap.
// Not thread-safe: the promoter locks.
#pragma once

#include <cstdint>

#include "allocator/os/live.h"
#include "allocator/pages/budget.h"
#include "allocator/promote/converter.h"
#include "allocator/promote/table.h"

namespace secure_alloc {

struct PromotedFile {
  uint64_t inode;
  size_t pages;
  size_t extent;  // pages that its pieces reach up to; of Reconcile()
  Method method;
  char* copy;  // for the child about to be made, of copy_pages
  size_t copy_pages;
  uint64_t copy_inode;
};

void DropCopy(PromotedFile& file);

struct Piece {
  uintptr_t begin;
  size_t pages;
  uint64_t inode;
  size_t first_page;  // in the file
  int protection;     // when it was last looked at
  uint32_t call;      // that promoted it

  uintptr_t end() const { return begin + pages * kPageSize; }
  char* address() const { return reinterpret_cast<char*>(begin); }
  size_t bytes() const { return pages * kPageSize; }
  // Are the pages from `at` to `until` those of this piece, as the kernel has them?
  bool Is(const os::Mapping& mapping, uintptr_t at, uintptr_t until) const {
    return begin <= at && until <= end() && inode == mapping.inode &&
           protection == mapping.protection &&
           begin - first_page * kPageSize == mapping.begin - mapping.offset;
  }
};

class Registry {
 public:
  constexpr explicit Registry(Budget& budget) : budget_(budget) {}

  // Room for one more file and piece, and for the cut of one.
  [[nodiscard]] bool Reserve() { return files_.Reserve(1) && pieces_.Reserve(2); }
  // After Reserve(); the file's pages are charged already.
  void Add(const Piece& piece, const PromotedFile& file);
  // Forgets [begin, end) of one piece, by its index. True: the file has no other piece and
  // its pages are the caller's, still charged, if `take_file`; else they are released.
  bool Cut(size_t index, uintptr_t begin, uintptr_t end, bool take_file);

  // The first piece that ends behind `address`; count() if there is none.
  size_t FirstBehind(uintptr_t address) const;
  size_t count() const { return pieces_.size(); }
  const Piece& piece(size_t index) const { return pieces_[index]; }
  size_t file_count() const { return files_.size(); }
  PromotedFile& file(size_t index) { return files_[index]; }
  PromotedFile& FileOf(const Piece& piece);
  const PromotedFile* FindFile(uint64_t inode) const;  // null: not promoted memory
  bool Overlaps(uintptr_t begin, uintptr_t end) const;
  size_t PagesIn(uintptr_t begin, uintptr_t end) const;
  size_t bytes() const;

  // Agrees with the kernel again. 0 or errno: then nothing has changed.
  [[nodiscard]] int Reconcile();
  // The same pieces, of the files' copies: in a child that has moved them into place.
  void AdoptCopies();
  // A child without any of it.
  void Forget();

 private:
  size_t FileIndex(uint64_t inode) const;
  bool HasPieceOf(uint64_t inode) const;
  void DropFilesWithoutPieces();
  void CountHeapBytes();

  Budget& budget_;
  Table<PromotedFile> files_;  // in the order of inodes
  Table<Piece> pieces_;
};

}  // namespace secure_alloc
