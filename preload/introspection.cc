// What glibc lets programs ask of and tell its malloc.
#include <errno.h>
#include <malloc.h>
#include <stdio.h>

#include <algorithm>

#include "allocator/api/arenas.h"
#include "allocator/api/stats.h"
#include "allocator/base/text.h"
#include "allocator/heap/standard_heaps.h"
#include "preload/exports.h"

using namespace secure_alloc;

namespace {

struct Totals {
  size_t mapped;  // bytes of runs held by slabs and large objects
  size_t large;
  size_t free;  // in slabs, not in thread caches
};

Totals Collect() {
  Totals totals = {};
  for (Heap* heap : {&ordinary_heap, &secret_heap}) {
    const Heap::Usage usage = heap->GetUsage();
    totals.mapped += usage.slab_bytes + usage.large_bytes;
    totals.large += usage.large_bytes;
    totals.free += usage.free_slot_bytes;
  }
  return totals;
}

}  // namespace

SA_EXPORT struct mallinfo2 mallinfo2(void) {
  const Totals totals = Collect();
  struct mallinfo2 info = {};
  info.arena = totals.mapped - totals.large;
  info.hblkhd = totals.large;
  info.uordblks = totals.mapped - totals.free;
  info.fordblks = totals.free;
  return info;
}

// The old form's fields are int: larger values are cut to INT_MAX, not wrapped.
SA_EXPORT struct mallinfo mallinfo(void) {
  const struct mallinfo2 wide = mallinfo2();
  const auto cut = [](size_t n) { return static_cast<int>(std::min<size_t>(n, 0x7FFFFFFF)); };
  struct mallinfo info = {};
  info.arena = cut(wide.arena);
  info.hblkhd = cut(wide.hblkhd);
  info.uordblks = cut(wide.uordblks);
  info.fordblks = cut(wide.fordblks);
  return info;
}

namespace {

// Whether all of it could be written.
bool WriteArenas(FILE* stream) {
  bool written = true;
  for (const ArenaFigures& arena : ArenaList()) {
    written &= fprintf(stream,
                       "<arena domain=\"%s\" protection=\"%s\" reserved=\"%d\" pages=\"%u\" "
                       "free=\"%u\">",
                       arena.domain, NameOf(arena.protection), arena.reserved, arena.pages,
                       arena.free_pages) >= 0;
    for (unsigned order = 0; order < Buddy::kOrders; ++order) {
      if (arena.free_runs[order] == 0) continue;
      written &= fprintf(stream, "<free order=\"%u\" runs=\"%u\"/>", order,
                         arena.free_runs[order]) >= 0;
    }
    written &= fputs("</arena>\n", stream) >= 0;
  }
  return written;
}

}  // namespace

SA_EXPORT int malloc_info(int options, FILE* stream) {
  if (options != 0) {
    errno = EINVAL;
    return -1;
  }
  const struct mallinfo2 info = mallinfo2();
  struct secalloc_stats stats;
  CollectStats(&stats);
  const int written = fprintf(stream,
                              "<malloc version=\"secure_alloc-1\">\n"
                              "<total type=\"rest\" size=\"%zu\"/>\n"
                              "<total type=\"mmap\" size=\"%zu\"/>\n"
                              "<system type=\"current\" size=\"%zu\"/>\n"
                              "<secret arenas=\"%llu\" bytes=\"%llu\" used=\"%llu\"/>\n"
                              "<locked arenas=\"%llu\" bytes=\"%llu\" used=\"%llu\"/>\n",
                              info.fordblks, info.hblkhd, info.arena + info.hblkhd,
                              static_cast<unsigned long long>(stats.secret_arenas),
                              static_cast<unsigned long long>(stats.secret_bytes),
                              static_cast<unsigned long long>(stats.secret_used_bytes),
                              static_cast<unsigned long long>(stats.locked_arenas),
                              static_cast<unsigned long long>(stats.locked_bytes),
                              static_cast<unsigned long long>(stats.locked_used_bytes));
  const bool all_written = written >= 0 && WriteArenas(stream) && fputs("</malloc>\n", stream) >= 0;
  return all_written ? 0 : -1;
}

SA_EXPORT void malloc_stats(void) {
  const struct mallinfo2 info = mallinfo2();
  Line line;
  line << "secure_alloc: in use " << uint64_t{info.uordblks} << " bytes, free in slabs "
       << uint64_t{info.fordblks} << " bytes, large objects " << uint64_t{info.hblkhd} << " bytes";
  line.WriteStderr();
}

// 1 as glibc says when memory was released; whether it was is not worth counting.
SA_EXPORT int malloc_trim(size_t pad) {
  (void)pad;
  entry::Trim();
  return 1;
}

// glibc's tunables have no meaning here. 1: accepted.
SA_EXPORT int mallopt(int parameter, int value) {
  (void)parameter;
  (void)value;
  return 1;
}
