// Secret memory for the standard library: allocator, memory_resource, vector. Part of
// secure_alloc/secret.h.
#ifndef SECURE_ALLOC_CXX_MEMORY_H_
#define SECURE_ALLOC_CXX_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <type_traits>
#include <vector>

#include "secure_alloc/cxx/domain.h"

namespace secure_alloc {

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
    return static_cast<T*>(detail::or_refuse(detail::try_allocate(count * sizeof(T), alignof(T))));
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

// For std::pmr containers; without a domain, in the standard one. std::pmr::string keeps short
// strings within itself, as above.
class memory_resource final : public std::pmr::memory_resource {
 public:
  memory_resource() noexcept = default;
  explicit memory_resource(const domain& home) noexcept : domain_(home.get()) {}

 private:
  void* do_allocate(std::size_t size, std::size_t alignment) override {
    return detail::or_refuse(detail::try_allocate(size, alignment, domain_));
  }
  void do_deallocate(void* object, std::size_t, std::size_t) override { secalloc_free(object); }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }

  secalloc_domain* domain_ = nullptr;
};

// Memory that it grows out of is wiped. clear(), pop_back() and resize() leave the bytes where
// they are, in secret memory, until then.
template <typename T>
using vector = std::vector<T, allocator<T>>;

}  // namespace secure_alloc

#endif  // SECURE_ALLOC_CXX_MEMORY_H_
