// Page-aligned memory for what the command itself must not give away: the key file
// while it is parsed, and the memory of other processes while it is searched.
//
// Lives in memfd_secret memory where the kernel gives it, else in ordinary memory that
// stays out of core dumps. Zero when made; wiped when destroyed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace secure_alloc {

using ByteView = std::span<const uint8_t>;

class PrivatePages {
 public:
  // At least `size` bytes. Ends the command with a message when there is no memory.
  explicit PrivatePages(size_t size);
  ~PrivatePages();
  PrivatePages(PrivatePages&& other) noexcept;
  PrivatePages(const PrivatePages&) = delete;
  PrivatePages& operator=(const PrivatePages&) = delete;

  uint8_t* data() { return data_; }
  size_t size() const { return size_; }
  ByteView First(size_t n) const { return {data_, n}; }

 private:
  uint8_t* data_;
  size_t size_;
};

}  // namespace secure_alloc
