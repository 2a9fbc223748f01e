// An array that grows in a mapping of its own: metadata lie outside user memory.
#pragma once

#include <cstring>
#include <type_traits>

#include "allocator/base/bits.h"
#include "allocator/os/os.h"

namespace secure_alloc {

template <typename T>
class Table {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  constexpr Table() = default;
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // Room for `more` entries, so that insertions can't fail. False: no memory.
  [[nodiscard]] bool Reserve(size_t more) {
    if (size_ + more <= capacity_) return true;
    const size_t bytes = RoundUp((size_ + more) * 2 * sizeof(T), kPageSize);
    T* const entries = static_cast<T*>(os::MapAnonymous(bytes));
    if (entries == nullptr) return false;
    if (size_ > 0) std::memcpy(entries, entries_, size_ * sizeof(T));
    Free();
    entries_ = entries;
    capacity_ = bytes / sizeof(T);
    return true;
  }
  // After Reserve().
  void Insert(size_t index, const T& entry) {
    std::memmove(entries_ + index + 1, entries_ + index, (size_ - index) * sizeof(T));
    entries_[index] = entry;
    ++size_;
  }
  void Erase(size_t index) {
    --size_;
    std::memmove(entries_ + index, entries_ + index + 1, (size_ - index) * sizeof(T));
  }
  void Truncate(size_t size) { size_ = size; }
  void Swap(Table& other) {
    Table kept;
    kept.Take(*this);
    Take(other);
    other.Take(kept);
  }
  void Free() {
    if (entries_ != nullptr) os::Unmap(entries_, RoundUp(capacity_ * sizeof(T), kPageSize));
    entries_ = nullptr;
    capacity_ = 0;
  }

  size_t size() const { return size_; }
  T& operator[](size_t index) { return entries_[index]; }
  const T& operator[](size_t index) const { return entries_[index]; }

 private:
  void Take(Table& other) {
    entries_ = other.entries_;
    size_ = other.size_;
    capacity_ = other.capacity_;
    other.entries_ = nullptr;
    other.size_ = other.capacity_ = 0;
  }

  T* entries_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace secure_alloc
