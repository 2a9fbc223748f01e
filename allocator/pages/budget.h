// Bytes that may be taken from limited sources, charged before they are asked for.
// A quota is a budget within another: what it is charged the other is charged, too.
// Thread-safe, lock-free; relaxed: the count itself is all that is shared.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "allocator/record/record.h"

namespace secure_alloc {

class Budget {
 public:
  explicit constexpr Budget(size_t limit) : whole_(nullptr), own_(limit), record_(own_) {}
  // One whose figures are kept in a record, the limit with them.
  constexpr Budget(Budget* whole, BudgetRecord& record) : whole_(whole), record_(record) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  void SetLimit(size_t limit) { record_.limit.Set(limit); }

  [[nodiscard]] bool TryCharge(size_t bytes) {
    std::atomic<uint64_t>& used_bytes = record_.used.value_;
    uint64_t used = this->used();
    do {
      if (used > limit() || bytes > limit() - used) return false;
    } while (!used_bytes.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    if (whole_ != nullptr && !whole_->TryCharge(bytes)) {
      used_bytes.fetch_sub(bytes, std::memory_order_relaxed);
      return false;
    }
    std::atomic<uint64_t>& highest = record_.high_water.value_;
    uint64_t high = high_water();
    while (high < used + bytes &&
           !highest.compare_exchange_weak(high, used + bytes, std::memory_order_relaxed)) {
    }
    return true;
  }
  void Release(size_t bytes) {
    record_.used.value_.fetch_sub(bytes, std::memory_order_relaxed);
    if (whole_ != nullptr) whole_->Release(bytes);
  }

  size_t room() const {
    const size_t limit = this->limit(), used = this->used();
    const size_t own = limit > used ? limit - used : 0;
    return whole_ != nullptr ? std::min(own, whole_->room()) : own;
  }
  size_t used() const { return record_.used.get(); }
  size_t limit() const { return record_.limit.get(); }
  size_t high_water() const { return record_.high_water.get(); }

 private:
  Budget* const whole_;
  BudgetRecord own_;
  BudgetRecord& record_;
};

}  // namespace secure_alloc
