#include "preload/command/doctor/workers.h"

#include <charconv>

#include "preload/command/common/message.h"

namespace secure_alloc {
namespace {

unsigned long long Shares(const Workers& workers, LimitScope scope) {
  return scope == LimitScope::kUser ? workers.count + 1 : 2;
}

unsigned Shift(const std::string& unit) {
  if (unit == "K") return 10;
  if (unit == "M") return 20;
  return unit == "G" ? 30 : 0;
}

}  // namespace

unsigned long long MemlockNeeded(const Workers& workers, LimitScope scope) {
  return Shares(workers, scope) * workers.bytes;
}

std::string MemlockSum(const Workers& workers, LimitScope scope) {
  const std::string each = HumanBytes(workers.bytes);
  const std::string all = HumanBytes(MemlockNeeded(workers, scope));
  if (scope == LimitScope::kUser) {
    return Format("(%llu + 1) x %s = %s, for all processes of the user", workers.count,
                  each.c_str(), all.c_str());
  }
  return Format("2 x %s = %s, in each process", each.c_str(), all.c_str());
}

bool ParseSize(const std::string& text, unsigned long long* bytes) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *bytes);
  if (error != std::errc() || *bytes == 0) return false;
  const std::string unit(end, text.data() + text.size());
  const unsigned shift = Shift(unit);
  if (!unit.empty() && shift == 0) return false;
  if (*bytes > ~0ull >> (shift + 20)) return false;  // So that a million workers don't overflow.
  *bytes <<= shift;
  return true;
}

}  // namespace secure_alloc
