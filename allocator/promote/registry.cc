#include "allocator/promote/registry.h"

#include <errno.h>

#include <algorithm>

#include "allocator/base/fault.h"
#include "allocator/os/live.h"
#include "allocator/pages/promoted.h"
#include "allocator/pages/space.h"

namespace secure_alloc {

void DropCopy(PromotedFile& file) {
  if (file.copy != nullptr) os::Unmap(file.copy, file.copy_pages * kPageSize);
  file.copy = nullptr;
}

size_t Registry::FileIndex(uint64_t inode) const {
  size_t low = 0, high = files_.size();
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (files_[middle].inode < inode) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

size_t Registry::FirstBehind(uintptr_t address) const {
  size_t low = 0, high = pieces_.size();
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (pieces_[middle].end() <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

PromotedFile& Registry::FileOf(const Piece& piece) {
  const size_t index = FileIndex(piece.inode);
  SA_CHECK(index < files_.size() && files_[index].inode == piece.inode);
  return files_[index];
}

const PromotedFile* Registry::FindFile(uint64_t inode) const {
  const size_t index = FileIndex(inode);
  return index < files_.size() && files_[index].inode == inode ? &files_[index] : nullptr;
}

bool Registry::Overlaps(uintptr_t begin, uintptr_t end) const {
  const size_t index = FirstBehind(begin);
  return index < count() && pieces_[index].begin < end;
}

size_t Registry::PagesIn(uintptr_t begin, uintptr_t end) const {
  size_t pages = 0;
  for (size_t i = FirstBehind(begin); i < count() && pieces_[i].begin < end; ++i) {
    pages += (std::min(end, pieces_[i].end()) - std::max(begin, pieces_[i].begin)) / kPageSize;
  }
  return pages;
}

size_t Registry::bytes() const {
  size_t pages = 0;
  for (size_t i = 0; i < pieces_.size(); ++i) pages += pieces_[i].pages;
  return pages * kPageSize;
}

void Registry::Add(const Piece& piece, const PromotedFile& file) {
  files_.Insert(FileIndex(file.inode), file);
  pieces_.Insert(FirstBehind(piece.begin), piece);
  CountHeapBytes();
}

bool Registry::HasPieceOf(uint64_t inode) const {
  for (size_t i = 0; i < pieces_.size(); ++i) {
    if (pieces_[i].inode == inode) return true;
  }
  return false;
}

bool Registry::Cut(size_t index, uintptr_t begin, uintptr_t end, bool take_file) {
  const Piece piece = pieces_[index];
  pieces_.Erase(index);
  if (end < piece.end()) {
    const size_t gone = (end - piece.begin) / kPageSize;
    pieces_.Insert(index, {end, piece.pages - gone, piece.inode, piece.first_page + gone,
                           piece.protection, piece.call});
  }
  if (piece.begin < begin) {
    pieces_.Insert(index, {piece.begin, (begin - piece.begin) / kPageSize, piece.inode,
                           piece.first_page, piece.protection, piece.call});
  }
  CountHeapBytes();
  const size_t file = FileIndex(piece.inode);
  const size_t pages = files_[file].pages;
  // Most files are one piece.
  if ((end - begin) / kPageSize < pages && HasPieceOf(piece.inode)) return false;
  DropCopy(files_[file]);
  files_.Erase(file);
  if (!take_file) budget_.Release(pages * kPageSize);
  return true;
}

int Registry::Reconcile() {
  if (files_.size() == 0) return 0;
  Table<Piece> found;
  for (size_t i = 0; i < files_.size(); ++i) files_[i].extent = 0;
  os::MappingReader reader;
  os::Mapping mapping;
  while (reader.Next(&mapping)) {
    if (!mapping.secret) continue;
    const size_t file = FileIndex(mapping.inode);
    if (file == files_.size() || files_[file].inode != mapping.inode) continue;
    if (!found.Reserve(1)) {
      found.Free();
      return ENOMEM;
    }
    const size_t pages = (mapping.end - mapping.begin) / kPageSize;
    const size_t first_page = mapping.offset / kPageSize;
    const size_t before = FirstBehind(mapping.begin);
    const uint32_t call = before < count() ? pieces_[before].call : 0;
    found.Insert(found.size(),
                 {mapping.begin, pages, mapping.inode, first_page, mapping.protection, call});
    files_[file].extent = std::max(files_[file].extent, first_page + pages);
  }
  if (reader.error() != 0) {
    found.Free();
    return reader.error();
  }
  pieces_.Swap(found);
  found.Free();
  DropFilesWithoutPieces();
  CountHeapBytes();
  return 0;
}

void Registry::DropFilesWithoutPieces() {
  size_t kept = 0;
  for (size_t i = 0; i < files_.size(); ++i) {
    PromotedFile& file = files_[i];
    if (file.extent == 0) {
      DropCopy(file);
      budget_.Release(file.pages * kPageSize);
      continue;
    }
    // The program made it longer by mremap(2): what there is counts.
    if (file.extent > file.pages && budget_.TryCharge((file.extent - file.pages) * kPageSize)) {
      file.pages = file.extent;
    }
    files_[kept++] = file;
  }
  files_.Truncate(kept);
}

void Registry::AdoptCopies() {
  for (size_t i = 0; i < pieces_.size(); ++i) pieces_[i].inode = FileOf(pieces_[i]).copy_inode;
  Table<PromotedFile> files;
  // The child has the memory its parent had.
  SA_CHECK(files_.size() == 0 || files.Reserve(files_.size()));
  files_.Swap(files);
  for (size_t i = 0; i < files.size(); ++i) {
    PromotedFile file = files[i];
    file.inode = file.copy_inode;
    file.copy = nullptr;
    files_.Insert(FileIndex(file.inode), file);
  }
  files.Free();
}

void Registry::Forget() {
  for (size_t i = 0; i < files_.size(); ++i) budget_.Release(files_[i].pages * kPageSize);
  files_.Truncate(0);
  pieces_.Truncate(0);
  CountHeapBytes();
}

void Registry::CountHeapBytes() {
  size_t bytes = 0;
  for (size_t i = 0; i < pieces_.size(); ++i) {
    if (space.Contains(pieces_[i].begin)) bytes += pieces_[i].bytes();
  }
  promoted_pages.bytes.store(bytes, std::memory_order_relaxed);
}

}  // namespace secure_alloc
