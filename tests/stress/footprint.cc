#include "tests/stress/footprint.h"

#include "allocator/heap/heap.h"
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
  ObjectInfo info;
  const bool secret = Inspect(object, nullptr, &info) && info.first_bin != kOrdinaryBins;
  (secret ? secret_runs_ : ordinary_runs_)[run.address()] =
      run.bytes() + (has_margins ? BytesOf(2 * PageHeap::kMargin) : 0);
  if (secret) secret_arenas_.insert(arena);
}

uint64_t Footprint::secret_arena_bytes() const {
  uint64_t bytes = 0;
  for (const Arena* arena : secret_arenas_) bytes += arena->bytes();
  return bytes;
}

uint64_t Footprint::Sum(const Runs& runs) {
  uint64_t bytes = 0;
  for (const auto& [address, size] : runs) bytes += size;
  return bytes;
}

}  // namespace secure_alloc::test
