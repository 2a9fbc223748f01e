#include "tests/stress/footprint.h"

#include <algorithm>

#include "allocator/heap/live_object.h"
#include "allocator/pages/page_heap.h"
#include "allocator/pages/space.h"
#include "allocator/slab/slab.h"

namespace secure_alloc::test {
namespace {

bool IsInSlab(const Arena& arena, const void* object) {
  return !arena.whole && arena.info[arena.PageOf(Address(object))].kind == PageKind::kSlab;
}

}  // namespace

void Footprint::Add(const void* object) {
  Arena* const arena = space.OwnerOf(Address(object));
  const bool in_slab = IsInSlab(*arena, object);
  const Run run = in_slab ? Slab::Of(object)->run() : secure_alloc::RunOf(object);
  const bool has_margins = !in_slab && !arena->whole && EdgesOf(run) != Edges::kNone;
  const Pages margin = has_margins ? PageHeap::Margin() : 0;
  ObjectInfo info;
  const bool secret = Inspect(object, nullptr, &info) && info.first_bin != kOrdinaryBins;
  (secret ? secret_runs_ : ordinary_runs_)[run.address()] = run.bytes() + BytesOf(2 * margin);
  if (secret) AddFiles({arena, run.first - margin, run.count + 2 * margin});
}

// An arena is one file, or several that go back one by one.
void Footprint::AddFiles(const Run& run) {
  const Arena& arena = *run.arena;
  const Pages length = arena.file_pages != 0 ? arena.file_pages : arena.grown;
  for (Pages file = run.first / length; file <= (run.first + run.count - 1) / length; ++file) {
    const Pages first = file * length;
    secret_files_[arena.AddressOf(first)] = BytesOf(std::min(length, arena.grown - first));
  }
}

uint64_t Footprint::Sum(const Runs& runs) {
  uint64_t bytes = 0;
  for (const auto& [address, size] : runs) bytes += size;
  return bytes;
}

}  // namespace secure_alloc::test
