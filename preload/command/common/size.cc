#include "preload/command/common/size.h"

#include <charconv>

namespace secure_alloc {
namespace {

// 0: no such unit.
unsigned Shift(std::string_view unit) {
  if (unit == "K" || unit == "k") return 10;
  if (unit == "M" || unit == "m") return 20;
  return unit == "G" || unit == "g" ? 30 : 0;
}

}  // namespace

bool ParseSize(std::string_view text, unsigned long long* bytes) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *bytes);
  if (error != std::errc()) return false;
  const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  const unsigned shift = Shift(unit);
  if ((!unit.empty() && shift == 0) || *bytes > ~0ull >> shift) return false;
  *bytes <<= shift;
  return true;
}

}  // namespace secure_alloc
