// Bytes that may be taken from limited sources, charged before they are asked for.
// A quota is a budget within another: what it is charged the other is charged, too.
// Thread-safe, lock-free; relaxed: the count itself is all that is shared.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace secure_alloc {

class Budget {
 public:
  explicit constexpr Budget(size_t limit, Budget* whole = nullptr) : whole_(whole), limit_(limit) {}

  void SetLimit(size_t limit) { limit_.store(limit, std::memory_order_relaxed); }

  [[nodiscard]] bool TryCharge(size_t bytes) {
    size_t used = used_.load(std::memory_order_relaxed);
    do {
      const size_t limit = this->limit();
      if (used > limit || bytes > limit - used) return false;
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    if (whole_ != nullptr && !whole_->TryCharge(bytes)) {
      used_.fetch_sub(bytes, std::memory_order_relaxed);
      return false;
    }
    size_t high = high_water_.load(std::memory_order_relaxed);
    while (high < used + bytes &&
           !high_water_.compare_exchange_weak(high, used + bytes, std::memory_order_relaxed)) {
    }
    return true;
  }
  void Release(size_t bytes) {
    used_.fetch_sub(bytes, std::memory_order_relaxed);
    if (whole_ != nullptr) whole_->Release(bytes);
  }

  size_t room() const {
    const size_t limit = this->limit(), used = this->used();
    const size_t own = limit > used ? limit - used : 0;
    return whole_ != nullptr ? std::min(own, whole_->room()) : own;
  }
  size_t used() const { return used_.load(std::memory_order_relaxed); }
  size_t limit() const { return limit_.load(std::memory_order_relaxed); }
  size_t high_water() const { return high_water_.load(std::memory_order_relaxed); }

 private:
  Budget* const whole_;
  std::atomic<size_t> limit_;
  std::atomic<size_t> used_{0};
  std::atomic<size_t> high_water_{0};
};

}  // namespace secure_alloc
