#include "allocator/pages/buddy.h"

#include <algorithm>

#include "allocator/base/fault.h"

namespace secure_alloc {

void Buddy::Init(PageInfo* info, uint32_t pages) {
  info_ = info;
  pages_ = pages;
  for (uint32_t& head : heads_) head = kNone;
}

Buddy::FreeRun Buddy::Give(uint32_t first, uint32_t count) {
  SA_CHECK(count <= pages_ && first <= pages_ - count);
  free_pages_ += count;
  FreeRun merged = {};
  while (count > 0) {
    // The largest run that is aligned here and fits.
    const unsigned aligned = first == 0 ? kOrders - 1 : std::countr_zero(first);
    const unsigned order = std::min({aligned, FloorLog2(count), kOrders - 1});
    merged = GiveRun(first, order);
    first += 1u << order;
    count -= 1u << order;
  }
  return merged;
}

Buddy::FreeRun Buddy::GiveRun(uint32_t first, unsigned order) {
  for (uint32_t page = first; page < first + (1u << order); ++page) {
    SA_CHECK(info_[page].kind != PageKind::kFreeHead && info_[page].kind != PageKind::kFreeBody);
    info_[page].kind = PageKind::kFreeBody;
  }
  while (order + 1 < kOrders) {
    const uint32_t other = first ^ (1u << order);
    if (other + (1u << order) > pages_ || KindOf(info_[other]) != PageKind::kFreeHead ||
        info_[other].order != order) {
      break;
    }
    Remove(other);
    first = std::min(first, other);
    ++order;
  }
  Push(first, order);
  return {first, order};
}

uint32_t Buddy::Take(unsigned order) {
  unsigned have = order;
  while (have < kOrders && heads_[have] == kNone) ++have;
  if (have >= kOrders) return kNone;
  const uint32_t first = heads_[have];
  Remove(first);
  while (have > order) {
    --have;
    Push(first + (1u << have), have);
  }
  for (uint32_t page = first; page < first + (1u << order); ++page) {
    info_[page].kind = PageKind::kAllocated;
  }
  free_pages_ -= 1u << order;
  return first;
}

bool Buddy::AllFree(uint32_t first, uint32_t count) const {
  return std::all_of(info_ + first, info_ + first + count, [](const PageInfo& info) {
    const PageKind kind = KindOf(info);
    return kind == PageKind::kFreeHead || kind == PageKind::kFreeBody;
  });
}

// Of the free run that holds the page.
uint32_t Buddy::HeadOf(uint32_t page) const {
  unsigned order = 0;
  uint32_t head = page;
  while (info_[head].kind != PageKind::kFreeHead || head + (1u << info_[head].order) <= page) {
    ++order;
    SA_CHECK(order < kOrders);
    head = page >> order << order;
  }
  return head;
}

void Buddy::Withdraw(uint32_t first, uint32_t count) {
  const uint32_t end = first + count;
  for (uint32_t page = first; page < end;) {
    const uint32_t head = HeadOf(page);
    const uint32_t run_end = head + (1u << info_[head].order);
    const uint32_t taken = std::min(end, run_end);
    Remove(head);
    free_pages_ -= run_end - head;
    for (uint32_t at = head; at < run_end; ++at) info_[at].kind = PageKind::kAbsent;
    // What of the run is not meant stays.
    if (head < page) Give(head, page - head);
    if (taken < run_end) Give(taken, run_end - taken);
    page = taken;
  }
}

void Buddy::Push(uint32_t head, unsigned order) {
  info_[head].kind = PageKind::kFreeHead;
  info_[head].order = static_cast<uint8_t>(order);
  info_[head].first = kNone;
  info_[head].next = heads_[order];
  if (heads_[order] != kNone) info_[heads_[order]].first = head;
  heads_[order] = head;
  ++free_runs_[order];
}

void Buddy::Remove(uint32_t head) {
  PageInfo& info = info_[head];
  if (info.first == kNone) {
    heads_[info.order] = info.next;
  } else {
    info_[info.first].next = info.next;
  }
  if (info.next != kNone) info_[info.next].first = info.first;
  --free_runs_[info.order];
  info.kind = PageKind::kFreeBody;
}

}  // namespace secure_alloc
