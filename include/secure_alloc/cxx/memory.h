// Secret memory for the standard library: allocator, memory_resource, vector. Part of
// secure_alloc/secret.h.
#ifndef SECURE_ALLOC_CXX_MEMORY_H_
#define SECURE_ALLOC_CXX_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory_resource>
#include <new>
#include <type_traits>
#include <vector>

#include "secure_alloc/secure_alloc.h"

namespace secure_alloc {
namespace detail {

[[noreturn]] inline void end(const char* sentence) noexcept {
  std::fputs(sentence, stderr);
  std::abort();
}

// The world said no.
[[noreturn]] inline void refuse() {
#ifdef __cpp_exceptions
  throw std::bad_alloc();
#else
  end("secure_alloc: secret memory is spent or refused, and this program has no exceptions\n");
#endif
}

// Null with errno if there is none. The alignment is a power of two.
[[nodiscard]] inline void* try_allocate(std::size_t size, std::size_t alignment) noexcept {
  return alignment <= alignof(std::max_align_t) ? secalloc_malloc(size)
                                                : secalloc_aligned_alloc(alignment, size);
}

[[nodiscard]] inline void* allocate(std::size_t size, std::size_t alignment) {
  void* const object = try_allocate(size, alignment);
  if (object == nullptr) refuse();
  return object;
}

}  // namespace detail

// For containers. A container that may keep elements within itself (std::string, std::function)
// keeps these in ordinary memory: use secure_alloc::string.
template <typename T>
class allocator {
  static_assert(std::is_object_v<T> && !std::is_const_v<T> && !std::is_volatile_v<T>,
                "secure_alloc::allocator: elements are objects, neither const nor volatile");

 public:
  using value_type = T;
  using is_always_equal = std::true_type;
  using propagate_on_container_move_assignment = std::true_type;

  constexpr allocator() noexcept = default;
  template <typename Other>
  constexpr allocator(const allocator<Other>&) noexcept {}

  [[nodiscard]] T* allocate(std::size_t count) {
    if (count > static_cast<std::size_t>(PTRDIFF_MAX) / sizeof(T)) detail::refuse();
    return static_cast<T*>(detail::allocate(count * sizeof(T), alignof(T)));
  }
  void deallocate(T* objects, std::size_t) noexcept { secalloc_free(objects); }

  template <typename Other>
  friend constexpr bool operator==(const allocator&, const allocator<Other>&) noexcept {
    return true;
  }
  template <typename Other>
  friend constexpr bool operator!=(const allocator&, const allocator<Other>&) noexcept {
    return false;
  }
};

// For std::pmr containers. std::pmr::string keeps short strings within itself, as above.
class memory_resource final : public std::pmr::memory_resource {
 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    return detail::allocate(size, alignment);
  }
  void do_deallocate(void* object, std::size_t, std::size_t) override { secalloc_free(object); }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }
};

// Memory that it grows out of is wiped. clear(), pop_back() and resize() leave the bytes where
// they are, in secret memory, until then.
template <typename T>
using vector = std::vector<T, allocator<T>>;

}  // namespace secure_alloc

#endif  // SECURE_ALLOC_CXX_MEMORY_H_
