#include "allocator/pages/arena.h"

#include "allocator/base/fault.h"
#include "allocator/base/guarded.h"
#include "allocator/os/os.h"

namespace secure_alloc {

Arena* Arena::New(Pages capacity, Pages record_pages) {
  const size_t info_offset = RoundUp(sizeof(Arena), kRunRecordSize);
  const size_t records_offset =
      RoundUp(info_offset + size_t{capacity} * sizeof(PageInfo), kRunRecordSize);
  const size_t records_size = (capacity / record_pages + 1) * kRunRecordSize;
  const size_t size = records_offset + records_size;
  char* const begin = MapGuarded(size);
  if (begin == nullptr) return nullptr;
  Arena* const arena = reinterpret_cast<Arena*>(begin);  // Fresh pages: all members are zero.
  arena->capacity = capacity;
  arena->info = reinterpret_cast<PageInfo*>(begin + info_offset);
  arena->records = begin + records_offset;
  arena->record_pages = record_pages;
  arena->metadata_size = size;
  return arena;
}

void Arena::Discard(char* address, size_t length) {
  const Pages pages = __atomic_load_n(&grown, __ATOMIC_RELAXED);
  if (__atomic_load_n(&small, __ATOMIC_RELAXED) < pages) {
    os::AvoidHugePages(AddressOf(0), BytesOf(pages));
    __atomic_store_n(&small, pages, __ATOMIC_RELAXED);
  }
  SA_CHECK(os::Discard(address, length) == 0);
}

void Arena::FaultInMetadata() {
  char* const begin = reinterpret_cast<char*>(this);
  for (char* at = begin; at < begin + metadata_size; at += kPageSize) {
    __atomic_fetch_or(at, 0, __ATOMIC_RELAXED);
  }
}

void Arena::Delete(Arena* arena) {
  UnmapGuarded(arena, arena->metadata_size);
}

}  // namespace secure_alloc
