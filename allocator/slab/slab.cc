#include "allocator/slab/slab.h"

#include <algorithm>
#include <new>

#include "allocator/base/fault.h"
#include "allocator/base/random.h"
#include "allocator/os/os.h"
#include "allocator/pages/promoted.h"
#include "allocator/slab/object.h"

namespace secure_alloc {

constinit uint64_t check_key = 0x9E3779B97F4A7C15u;

Slab* Slab::Make(const Run& run, unsigned bin, unsigned shard) {
  Slab* const slab = new (run.arena->RecordOf(run.first)) Slab;
  slab->run_ = run;
  slab->bin_ = static_cast<uint16_t>(bin);
  slab->shard_ = static_cast<uint8_t>(shard);
  const SlabShape& shape = kShapes[bin];
  const unsigned slots = SlotsIn(shape, run.bytes());
  SA_CHECK(slots > 0);
  slab->slots_ = slab->free_ = static_cast<uint16_t>(slots);
  for (unsigned i = 0; i < slots; ++i) {
    slab->bits_[i / 64] |= uint64_t{1} << (i % 64);
    StoreShadow(space.ShadowOf(slab->SlotAt(i)), static_cast<uint8_t>(MarkOfBin(bin)));
  }
  for (Pages page = run.first; page < run.first + run.count; ++page) {
    SayKind(run.arena->info[page], PageKind::kSlab);
    run.arena->info[page].first = run.first;
  }
  return slab;
}

Run Slab::Unmake() {
  uint8_t* const shadow = space.ShadowOf(run_.address());
  WipeBytes(shadow, run_.bytes() >> kGranuleShift);
  for (Pages page = run_.first; page < run_.first + run_.count; ++page) {
    SayKind(run_.arena->info[page], PageKind::kAllocated);
  }
  return run_;
}

Slab* Slab::Of(const void* slot) {
  Arena* const arena = space.OwnerOf(Address(slot));
  SA_CHECK(arena != nullptr);
  const PageInfo& info = arena->info[arena->PageOf(Address(slot))];
  SA_CHECK(info.kind == PageKind::kSlab);
  return static_cast<Slab*>(arena->RecordOf(info.first));
}

const void* Slab::SlotOf(const void* address) const {
  const size_t offset = static_cast<size_t>(static_cast<const char*>(address) - run_.address());
  const unsigned index = static_cast<unsigned>(offset / kShapes[bin_].slot_size);
  return index < slots_ ? SlotAt(index) : nullptr;
}

// The free slots among the neighbours of *slot, as bits from the first of them on; if there are
// none, of the next that have one.
uint64_t Slab::FreeInRow(unsigned* slot) const {
  const unsigned size = kShapes[bin_].row;
  const uint64_t mask = ~uint64_t{0} >> (64 - size);
  for (;;) {
    const unsigned first = *slot & ~(size - 1);
    const uint64_t free = bits_[first / 64] >> first % 64 & mask;
    if (free != 0) return free;
    *slot = first + size < slots_ ? first + size : 0;
  }
}

bool Slab::IsFree(unsigned first, unsigned last) const {
  for (unsigned slot = first; slot <= last; ++slot) {
    if ((bits_[slot / 64] >> slot % 64 & 1) == 0) return false;
  }
  return true;
}

void Slab::DiscardFreePages() {
  const size_t page_size = os::PageSize();
  const unsigned pages = static_cast<unsigned>(std::min<size_t>(run_.bytes() / page_size, 64));
  const SlabShape& shape = kShapes[bin_];
  uint64_t free = 0;
  for (unsigned page = 0; page < pages; ++page) {
    // What lies behind the last slot was never written to.
    const unsigned first = SlotIndex(shape, page * page_size);
    const unsigned last = SlotIndex(shape, (page + 1) * page_size - 1);
    if (first < slots_ && IsFree(first, std::min<unsigned>(last, slots_ - 1u))) {
      free |= uint64_t{1} << page;
    }
  }
  for (uint64_t left = free & ~discarded_; left != 0;) {
    const unsigned page = static_cast<unsigned>(std::countr_zero(left));
    const unsigned count = static_cast<unsigned>(std::countr_one(left >> page));
    char* const address = run_.address() + page * page_size;
    // Secret pages that stay keep their memory.
    (void)MakeOrdinary(address, count * page_size);
    run_.arena->Discard(address, count * page_size);
    left &= ~(~uint64_t{0} >> (64 - count) << page);
  }
  discarded_ = free;
}

unsigned Slab::Take(void** slots, unsigned count, RandomBits& random) {
  discarded_ = 0;
  const unsigned size = kShapes[bin_].row;
  const unsigned wanted = std::min<unsigned>(count, free_);
  for (unsigned taken = 0; taken < wanted;) {
    unsigned slot = random.Below(slots_);
    const uint64_t row = FreeInRow(&slot);
    const unsigned first = slot & ~(size - 1), place = slot & (size - 1);
    const bool upwards = random.Masked(1) != 0;
    const uint64_t ahead = upwards ? ~uint64_t{0} << place : ~uint64_t{0} >> (63 - place);
    for (uint64_t part : {row & ahead, row & ~ahead}) {
      for (; part != 0 && taken < wanted; ++taken) {
        const unsigned bit = upwards ? std::countr_zero(part) : FloorLog2(part);
        part &= ~(uint64_t{1} << bit);
        bits_[first / 64] &= ~(uint64_t{1} << (first % 64 + bit));
        slots[taken] = SlotAt(first + bit);
      }
    }
  }
  free_ = static_cast<uint16_t>(free_ - wanted);
  return wanted;
}

bool Slab::Give(void* slot) {
  const size_t offset = static_cast<size_t>(static_cast<char*>(slot) - run_.address());
  const unsigned index = SlotIndex(kShapes[bin_], offset);
  SA_CHECK(SlotAt(index) == slot && index < slots_);
  uint64_t& word = bits_[index / 64];
  const uint64_t bit = uint64_t{1} << (index % 64);
  if ((word & bit) != 0) return false;
  word |= bit;
  ++free_;
  return true;
}

}  // namespace secure_alloc
