// Comparison in constant time. Part of secure_alloc/secret.h.
#ifndef SECURE_ALLOC_CXX_EQUAL_H_
#define SECURE_ALLOC_CXX_EQUAL_H_

#include <cstddef>
#include <iterator>
#include <type_traits>

namespace secure_alloc {

// True if the bytes are the same. Its time depends on the size alone.
inline bool equal(const void* left, const void* right, std::size_t size) noexcept {
  const auto* a = static_cast<const unsigned char*>(left);
  const auto* b = static_cast<const unsigned char*>(right);
  unsigned difference = 0;
  for (std::size_t i = 0; i < size; ++i) {
    difference |= static_cast<unsigned>(a[i] ^ b[i]);
    // The compiler must not learn that nothing can change any more.
    __asm__ volatile("" : "+r"(difference));
  }
  return difference == 0;
}

namespace detail {

template <typename Range>
using element_t = std::remove_cv_t<std::remove_pointer_t<
    decltype(std::data(std::declval<const Range&>()))>>;

// Equal values of such a type are equal bytes: no padding, no second zero.
template <typename T>
constexpr bool compared_by_bytes = std::has_unique_object_representations_v<T>;

}  // namespace detail

// Contiguous ranges: arrays, vectors, spans, strings. Sizes are no secret: if they differ, false.
template <typename Left, typename Right>
bool equal(const Left& left, const Right& right) noexcept {
  using Element = detail::element_t<Left>;
  static_assert(std::is_same_v<Element, detail::element_t<Right>>,
                "secure_alloc::equal: both ranges must have the same elements");
  static_assert(detail::compared_by_bytes<Element>,
                "secure_alloc::equal: equal elements must be equal bytes");
  return std::size(left) == std::size(right) &&
         equal(static_cast<const void*>(std::data(left)),
               static_cast<const void*>(std::data(right)), std::size(left) * sizeof(Element));
}

}  // namespace secure_alloc

#endif  // SECURE_ALLOC_CXX_EQUAL_H_
