// A string whose characters are always on the secret heap, short ones too. Part of
// secure_alloc/secret.h.
//
// It is no std::string: it becomes one, or a stream's output, by an explicit view() only, and is
// not ordered. Comparison is in constant time. What it removes or grows out of is wiped.
#ifndef SECURE_ALLOC_CXX_STRING_H_
#define SECURE_ALLOC_CXX_STRING_H_

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "secure_alloc/cxx/equal.h"
#include "secure_alloc/cxx/memory.h"

namespace secure_alloc {

class string {
 public:
  using value_type = char;

  string() noexcept = default;  // empty, without memory
  explicit string(std::string_view text) { append(text); }
  string(const string& other) : string(other.view()) {}
  string(string&& other) noexcept { swap(other); }
  string& operator=(string other) noexcept {
    swap(other);
    return *this;
  }
  ~string() { secalloc_free(data_); }

  void swap(string& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return capacity_; }
  bool empty() const noexcept { return size_ == 0; }

  // size() characters, then a NUL. Valid until the string changes.
  const char* c_str() const noexcept { return data_ == nullptr ? "" : data_; }
  const char* data() const noexcept { return c_str(); }
  std::string_view view() const noexcept { return {c_str(), size_}; }

  // size() characters that may be changed; null for a string without memory.
  char* data() noexcept { return data_; }

  // Room for so many characters: up to there no function below asks for memory. False, with
  // errno, if there is none; the string is as it was.
  [[nodiscard]] bool try_reserve(std::size_t capacity) noexcept {
    if (capacity <= capacity_ && data_ != nullptr) return true;
    if (capacity >= PTRDIFF_MAX) {
      errno = ENOMEM;
      return false;
    }
    auto* const moved = static_cast<char*>(secalloc_realloc(data_, capacity + 1));
    if (moved == nullptr) return false;
    data_ = moved;
    data_[size_] = '\0';
    capacity_ = capacity;
    return true;
  }
  void reserve(std::size_t capacity) {
    if (!try_reserve(capacity)) detail::refuse();
  }

  // New characters are NUL.
  void resize(std::size_t size) {
    if (size == size_) return;
    if (size > size_) grow(size);
    std::memset(data_ + std::min(size, size_), 0, size > size_ ? size - size_ : size_ - size);
    size_ = size;
    data_[size_] = '\0';
  }
  void clear() noexcept { string().swap(*this); }  // its memory is freed

  // The text is no part of this string.
  string& append(std::string_view text) {
    if (text.empty()) return *this;
    if (text.size() > PTRDIFF_MAX - size_) detail::refuse();
    grow(size_ + text.size());
    std::memcpy(data_ + size_, text.data(), text.size());
    size_ += text.size();
    data_[size_] = '\0';
    return *this;
  }
  void push_back(char character) { append({&character, 1}); }
  void pop_back() noexcept {  // nothing if it is empty
    if (size_ > 0) data_[--size_] = '\0';
  }

  friend bool operator==(const string& left, const string& right) noexcept {
    return secure_alloc::equal(left.view(), right.view());
  }
  friend bool operator==(const string& left, std::string_view right) noexcept {
    return secure_alloc::equal(left.view(), right);
  }
  friend bool operator!=(const string& left, const string& right) noexcept {
    return !(left == right);
  }
  friend bool operator!=(const string& left, std::string_view right) noexcept {
    return !(left == right);
  }

  template <typename Stream>
  friend Stream& operator<<(Stream&, const string&) = delete;

 private:
  // At least doubles, so that appending is linear.
  void grow(std::size_t size) {
    if (size > capacity_) reserve(std::max(size, 2 * capacity_));
  }

  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace secure_alloc

#endif  // SECURE_ALLOC_CXX_STRING_H_
