#include "allocator/api/arenas.h"

#include <algorithm>
#include <cstring>

#include "allocator/base/bits.h"
#include "allocator/domain/created_domain.h"
#include "allocator/heap/standard_heaps.h"
#include "allocator/os/os.h"
#include "allocator/pages/page_heap.h"

namespace secure_alloc {
namespace {

// For arenas that come between counting and collecting.
constexpr size_t kMore = 64;

bool IsPrintable(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

ArenaFigures FiguresOf(const Arena& arena, const char* domain) {
  ArenaFigures figures = {};
  std::strncpy(figures.domain, domain, sizeof figures.domain - 1);
  for (char* c = figures.domain; *c != '\0'; ++c) {
    if (!IsPrintable(*c)) *c = '?';
  }
  figures.protection = arena.source->protection();
  figures.reserved = arena.reserved;
  figures.pages = arena.present();
  figures.free_pages = arena.free_pages();
  if (!arena.whole) {
    for (unsigned order = 0; order < Buddy::kOrders; ++order) {
      figures.free_runs[order] = arena.buddy.free_runs(order);
    }
  }
  return figures;
}

template <typename Visit>
void ForEachArena(Visit visit) {
  const auto visit_domain = [&visit](Domain& domain) {
    PageHeap& pages = domain.heap().pages();
    MutexLock lock(pages.mutex());
    pages.ForEachArena([&](const Arena& arena) { visit(arena, domain.name()); });
  };
  visit_domain(public_domain);
  MutexLock lock(SecretDomains::mutex());
  SecretDomains::ForEach(visit_domain);
}

}  // namespace

const char* NameOf(Protection protection) {
  constexpr const char* kNames[] = {"plain", "locked", "secret"};
  return kNames[static_cast<unsigned>(protection)];
}

ArenaList::ArenaList() {
  size_t room = kMore;
  ForEachArena([&room](const Arena&, const char*) { ++room; });
  bytes_ = RoundUp(room * sizeof(ArenaFigures), kPageSize);
  list_ = static_cast<ArenaFigures*>(os::MapAnonymous(bytes_));
  if (list_ == nullptr) return;
  ForEachArena([this, room](const Arena& arena, const char* domain) {
    if (size_ < room) list_[size_++] = FiguresOf(arena, domain);
  });
}

ArenaList::~ArenaList() {
  if (list_ != nullptr) os::Unmap(list_, bytes_);
}

}  // namespace secure_alloc
