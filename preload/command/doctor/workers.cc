#include "preload/command/doctor/workers.h"

#include "preload/command/common/message.h"

namespace secure_alloc {
namespace {

unsigned long long Shares(const Workers& workers, LimitScope scope) {
  return scope == LimitScope::kUser ? workers.count + 1 : 2;
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

}  // namespace secure_alloc
