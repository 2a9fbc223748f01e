#include "allocator/heap/standard_heaps.h"

#include "allocator/heap/form.h"
#include "allocator/pages/sources.h"
#include "allocator/pages/space.h"

namespace secure_alloc {
namespace {

// Slabs: steps of 256 KiB to 2 MiB inside arenas of 16 MiB.
constexpr PageHeapPolicy kSlabPages = {.first_step = PagesFor(256 * kKiB),
                                       .last_step = PagesFor(2 * kMiB),
                                       .record_pages = 1u << kOrdinarySlabs.min_order,
                                       .arena_pages = PagesFor(16 * kMiB),
                                       .kept_empty = PagesFor(16 * kMiB),
                                       .kept_dirty = PagesFor(2 * kMiB)};
// Large objects: arenas of 64 MiB of address space, without memory until used; in steps, as what is
// known of each page takes memory.
constexpr PageHeapPolicy kLargePages = {.first_step = PagesFor(kMiB),
                                        .last_step = PagesFor(64 * kMiB),
                                        .record_pages = PagesFor(64 * kMiB),
                                        .arena_pages = PagesFor(64 * kMiB),
                                        .kept_empty = PagesFor(64 * kMiB),
                                        .kept_dirty = 0,
                                        .file_pages = 0,
                                        .shadowed = false};
constexpr PageHeapPolicy kZeroSizePages = {.first_step = PagesFor(64 * kKiB),
                                           .last_step = PagesFor(1 * kMiB),
                                           .record_pages = 1u << kSecretSlabs.min_order,
                                           .arena_pages = PagesFor(kSpanSize),
                                           .kept_empty = PagesFor(kSpanSize),
                                           .kept_dirty = 0};
// Freed large runs that wait for reuse: what a buffer that grows to a MiB by doubling leaves
// behind, or two of a MiB with their check bytes, and no more, so that peak memory stays near what
// is live. Longer ones gather pages. Secret pages are scarcer.
constexpr size_t kQueuedBytes = 2064 * kKiB;
constexpr size_t kMostQueuedBytes = 64 * kMiB;
constexpr size_t kQueuedSecretBytes = 256 * kKiB;

constinit PageHeap slab_pages(kSlabPages, plain_source, nullptr, process_record.ordinary_slabs);
constinit PageHeap large_pages(kLargePages, sparse_source, nullptr,
                               process_record.ordinary_large);
constinit HeapStores ordinary_stores[kMostShards] = {};
constinit BinShard ordinary_shards[kMostShards - 1];

}  // namespace

// Arenas from 64 KiB, what a small program needs, doubling to 2 MiB, in files of 64 KiB.
constexpr PageHeapPolicy kSecretPages = {.first_step = PagesFor(64 * kKiB),
                                        .last_step = PagesFor(2 * kMiB),
                                        .record_pages = 1u << kSecretSlabs.min_order,
                                        .arena_pages = 0,
                                        .kept_empty = PagesFor(256 * kKiB),
                                        .kept_dirty = 0,
                                        .file_pages = PagesFor(64 * kKiB)};
constinit Budget secret_budget(nullptr, process_record.domains[0].budget);
constinit PageHeap secret_pages(kSecretPages, secret_source, &secret_budget,
                                process_record.domains[0].pages);
constinit PageHeap zero_size_pages(kZeroSizePages, inaccessible_source, nullptr);
constinit Heap ordinary_heap(kOrdinaryBins, slab_pages, large_pages,
                             {kQueuedBytes, kMostQueuedBytes});
constinit Heap secret_heap(kSecretBins, secret_pages, secret_pages,
                           {kQueuedSecretBytes, 0});

void InitStandardHeaps() {
  // Without thread caches a store would hand out what was freed lately.
  if (!keeps_forms) ordinary_heap.SetShards(ordinary_stores, ordinary_shards);
}

void ForEachOrdinaryPages(void (*visit)(PageHeap&)) {
  visit(slab_pages);
  visit(large_pages);
}

void LockOrdinaryPages() SA_NO_THREAD_SAFETY {
  slab_pages.mutex().Lock();
  large_pages.mutex().Lock();
  zero_size_pages.mutex().Lock();
}

void UnlockOrdinaryPages() SA_NO_THREAD_SAFETY {
  zero_size_pages.mutex().Unlock();
  large_pages.mutex().Unlock();
  slab_pages.mutex().Unlock();
}

}  // namespace secure_alloc
