// Sizes, alignment and powers of two.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace secure_alloc {

// What the page heap counts; not what the kernel has: see system_page.h.
inline constexpr size_t kPageShift = 12;
inline constexpr size_t kPageSize = size_t{1} << kPageShift;
inline constexpr size_t kKiB = size_t{1} << 10;
inline constexpr size_t kMiB = size_t{1} << 20;
inline constexpr size_t kGiB = size_t{1} << 30;

// A count of pages, where a size in bytes could be meant.
using Pages = uint32_t;

constexpr bool IsPowerOfTwo(size_t n) { return std::has_single_bit(n); }
constexpr size_t RoundUp(size_t n, size_t power_of_two) {
  return (n + power_of_two - 1) & ~(power_of_two - 1);
}
constexpr size_t RoundDown(size_t n, size_t power_of_two) { return n & ~(power_of_two - 1); }
// Both for n > 0.
constexpr unsigned FloorLog2(size_t n) { return 63u - static_cast<unsigned>(std::countl_zero(n)); }
constexpr unsigned CeilLog2(size_t n) { return n == 1 ? 0 : FloorLog2(n - 1) + 1; }

constexpr Pages PagesFor(size_t bytes) {
  return static_cast<Pages>((bytes + kPageSize - 1) >> kPageShift);
}
constexpr size_t BytesOf(Pages pages) { return size_t{pages} << kPageShift; }

inline uintptr_t Address(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

}  // namespace secure_alloc
