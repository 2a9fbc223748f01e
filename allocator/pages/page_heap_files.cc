// The part of the page heap in which files come and go, and their arena stays.
#include <errno.h>

#include <algorithm>

#include "allocator/pages/page_heap.h"
#include "allocator/pages/used_pages.h"

namespace secure_alloc {
namespace {

// Files are map entries (vm.max_map_count): beyond a sixteenth of the default arenas are of one
// file again.
constexpr size_t kMostFiles = 4096;

constinit std::atomic<size_t> files{0};  // of arenas that have several; relaxed: a count only

size_t FilesOf(Pages file_pages, Pages count) {
  return file_pages == 0 ? 0 : (count + file_pages - 1) / file_pages;
}
void CountFiles(Pages file_pages, Pages count) {
  files.fetch_add(FilesOf(file_pages, count), std::memory_order_relaxed);
}
void UncountFiles(Pages file_pages, Pages count) {
  files.fetch_sub(FilesOf(file_pages, count), std::memory_order_relaxed);
}

}  // namespace

Pages PageHeap::ChooseFilePages(Pages capacity) const {
  const bool several =
      capacity > policy_.file_pages && files.load(std::memory_order_relaxed) < kMostFiles;
  return several ? policy_.file_pages : 0;
}

int PageHeap::MapFile(Arena* arena, Pages first, Pages count) {
  int error = arena->source->Map(arena->AddressOf(first), BytesOf(count));
  if (error != 0 || key_ == os::kNoKey) return error;
  error = arena->source->SetKey(arena->AddressOf(first), BytesOf(count), key_);
  if (error != 0) LeavePlace(arena, first, count);
  return error;
}

// All or none.
int PageHeap::MapFiles(Arena* arena, Pages first, Pages count) {
  const Pages step = arena->file_pages != 0 ? arena->file_pages : count;
  for (Pages page = first; page < first + count; page += step) {
    const int error = MapFile(arena, page, std::min(step, first + count - page));
    if (error == 0) continue;
    if (page > first) UnmapPages(arena, first, page - first);
    return error;
  }
  CountFiles(arena->file_pages, count);
  return 0;
}

bool PageHeap::LeavePlace(Arena* arena, Pages first, Pages count) {
  const bool left = arena->source->Unmap(arena->AddressOf(first), BytesOf(count));
  if (!left) arena->littered = true;
  return left;
}

bool PageHeap::UnmapPages(Arena* arena, Pages first, Pages count) {
  // Where the place can't be mapped anew (see os::Unreserve) a key would stay with it. Refused, it
  // does, and pages are lost to those who come there.
  if (key_ != os::kNoKey && arena->source->protection() != Protection::kSecret) {
    (void)arena->source->SetKey(arena->AddressOf(first), BytesOf(count), os::kNoKey);
  }
  return LeavePlace(arena, first, count);
}

void PageHeap::UnmapFiles(Arena* arena) {
  (void)ForEachPresentStretch(*arena, [&](Pages first, Pages count) SA_NO_THREAD_SAFETY {
    UnmapPages(arena, first, count);
    return 0;
  });
  UncountFiles(arena->file_pages, arena->present());
}

// From here on the arena goes back all at once.
void PageHeap::ForgetFiles(Arena* arena) {
  UncountFiles(arena->file_pages, arena->present());
  arena->file_pages = 0;
}

Pages PageHeap::ReleaseIdleFiles(Arena* arena) {
  // A child about to be made has copies of what is there now.
  if (arena->file_pages == 0 || arena->reserved || fork_under_way_ ||
      arena->sealed.load(std::memory_order_relaxed)) {
    return 0;
  }
  Pages released = 0;
  for (Pages first = 0; first < arena->grown; first += arena->file_pages) {
    const Pages count = std::min(arena->file_pages, arena->grown - first);
    if (!arena->buddy.AllFree(first, count)) continue;
    arena->buddy.Withdraw(first, count);
    for (Pages page = first; page < first + count; ++page) arena->info[page].prepared = false;
    released += count;
    if (!UnmapPages(arena, first, count)) break;  // One lost place is enough for now.
  }
  if (released == 0) return 0;
  arena->SetAbsent(arena->absent + released);
  UncountFiles(arena->file_pages, released);
  record_.mapped_bytes[static_cast<unsigned>(arena->source->protection())].Subtract(
      BytesOf(released));
  if (budget_ != nullptr) budget_->Release(BytesOf(released));
  NoteMemoryBack();
  return released;
}

// Pages that are absent come again.
int PageHeap::Refill(Arena* arena, Pages first, Pages count) {
  const size_t bytes = BytesOf(count);
  if (budget_ != nullptr && !budget_->TryCharge(bytes)) return EAGAIN;
  if (const int error = MapFiles(arena, first, count); error != 0) {
    if (budget_ != nullptr) budget_->Release(bytes);
    return error;
  }
  record_.mapped_bytes[static_cast<unsigned>(arena->source->protection())].Add(bytes);
  if (arena->idle()) empty_pages_ += count;
  arena->SetAbsent(arena->absent - count);
  arena->buddy.Give(first, count);
  return 0;
}

// Pages of [first, end) that are absent, where a run of all of them could be; 0: none, or they are
// in use.
Pages PageHeap::AbsentIn(const Arena& arena, Pages first, Pages end) {
  Pages absent = 0;
  for (Pages at = first; at < end; at += arena.file_pages) {
    const Pages count = std::min(arena.file_pages, end - at);
    if (!arena.IsPresent(at)) {
      absent += count;
    } else if (!arena.buddy.AllFree(at, count)) {
      return 0;
    }
  }
  return absent;
}

// Makes room for a run of `needed` pages where files have been released. False: there is none, or
// the source refuses; then some may be there that were not.
bool PageHeap::RefillIn(Arena* arena, Pages needed) {
  const size_t room = budget_ == nullptr ? SIZE_MAX : budget_->room();
  const Pages span = std::max(needed, arena->file_pages);
  for (Pages first = 0; first + needed <= arena->grown; first += span) {
    const Pages end = std::min(first + span, arena->grown);
    const Pages absent = AbsentIn(*arena, first, end);
    if (absent == 0 || BytesOf(absent) > room) continue;
    for (Pages at = first; at < end; at += arena->file_pages) {
      const Pages count = std::min(arena->file_pages, end - at);
      if (!arena->IsPresent(at) && Refill(arena, at, count) != 0) return false;
    }
    return true;
  }
  return false;
}

bool PageHeap::RefillAny(const Source& source, Pages needed) {
  if (fork_under_way_) return false;
  for (Arena* const arena : arenas_) {
    const bool may = arena->absent != 0 && arena->source == &source && arena->file_pages != 0 &&
                     !arena->exhausted && !arena->littered &&
                     !arena->sealed.load(std::memory_order_relaxed);
    if (may && RefillIn(arena, needed)) return true;
  }
  return false;
}

}  // namespace secure_alloc
