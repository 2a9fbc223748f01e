#include "allocator/api/advice.h"

#include <errno.h>

#include <algorithm>
#include <initializer_list>

#include "allocator/api/foreign.h"
#include "allocator/base/bytes.h"
#include "allocator/base/probe.h"
#include "allocator/domain/default_budget.h"
#include "allocator/entry/entry.h"
#include "allocator/heap/find.h"
#include "allocator/os/live.h"
#include "allocator/os/os.h"
#include "allocator/pages/space.h"
#include "allocator/promote/promoter.h"
#include "secure_alloc/secure_alloc.h"

namespace secure_alloc {
namespace {

constexpr int kAction = 0xFF, kMethod = 0xF000;
constexpr int kFlags = SECALLOC_EXACT | SECALLOC_UNSHARED;

struct Advice {
  int action;
  bool exact;
  Promoter::How how;
};

bool Parse(int bits, Advice* advice) {
  if ((bits & ~(kAction | kMethod | kFlags)) != 0) return false;
  advice->action = bits & kAction;
  advice->exact = (bits & SECALLOC_EXACT) != 0;
  advice->how.unshared = (bits & SECALLOC_UNSHARED) != 0;
  advice->how.method = Method::kNone;
  for (const Method method : {Method::kAllFaults, Method::kUserFaults, Method::kStop}) {
    if ((bits & kMethod) == static_cast<int>(NameOf(method))) advice->how.method = method;
  }
  if (advice->how.method == Method::kNone && (bits & kMethod) != 0) return false;
  return advice->action >= SECALLOC_MADV_SECRET && advice->action <= SECALLOC_MADV_RESERVE;
}

// Zero bytes that are mapped, writable and the program's own.
int WipeRange(uintptr_t begin, uintptr_t end) {
  os::MappingReader reader(begin);
  os::Mapping mapping;
  for (uintptr_t at = begin; at < end; at = mapping.end) {
    if (!reader.Next(&mapping)) return reader.error() != 0 ? EOPNOTSUPP : ENOMEM;
    if (mapping.begin > at) return ENOMEM;
    if (mapping.shared && !mapping.secret) return EINVAL;
    if ((mapping.protection & os::kWritable) == 0) return EACCES;
  }
  WipeBytes(reinterpret_cast<void*>(begin), end - begin);
  return 0;
}

bool OverlapsSpace(uintptr_t begin, uintptr_t end) {
  return space.Contains(begin) || space.Contains(end - 1);
}

int Apply(uintptr_t begin, uintptr_t end, const Advice& advice) {
  if (advice.action == SECALLOC_MADV_SECRET) {
    const int error = promoter.Promote(begin, end, advice.how);
    probe::Promotion(end - begin, error);
    return error;
  }
  const int error = promoter.Demote(begin, end, advice.how.method);
  probe::Demotion(end - begin, error);
  return error;
}

// Where an allocation lies, and what else its pages may hold.
struct Allocation {
  uintptr_t begin;
  uintptr_t end;   // of the bytes that are its owner's
  uintptr_t last;  // up to here nothing is another's
};

int FindAllocation(void* pointer, Allocation* allocation) {
  if (space.Contains(Address(pointer))) {
    FoundObject object;
    if (!FindObject(pointer, &object)) return EINVAL;
    *allocation = {Address(object.start), Address(object.start) + object.size, object.end};
    return 0;
  }
  const uintptr_t begin = Address(pointer);
  if (const size_t size = ForeignSize(pointer); size != 0) {
    *allocation = {begin, begin + size, begin + size};
    return 0;
  }
  return ENOENT;
}

}  // namespace

unsigned NameOf(Method method) { return static_cast<unsigned>(method) << 12; }

int Madvise(uintptr_t address, size_t length, int bits) {
  Advice advice;
  if (!Parse(bits, &advice) || advice.exact || address % os::PageSize() != 0 ||
      length % os::PageSize() != 0) {
    return EINVAL;
  }
  if (!entry::Start()) return ENOMEM;
  SettleBudget();
  if (advice.action == SECALLOC_MADV_RESERVE)
    return address == 0 ? promoter.Reserve(length) : EINVAL;
  if (length == 0) return 0;
  uintptr_t end;
  if (__builtin_add_overflow(address, length, &end)) return ENOMEM;
  if (advice.action != SECALLOC_MADV_WIPE) return Apply(address, end, advice);
  // Objects of ours have check bytes behind them, which are not the caller's to wipe.
  return OverlapsSpace(address, end) ? EINVAL : WipeRange(address, end);
}

int Mark(void* pointer, int bits) {
  Advice advice;
  if (!Parse(bits, &advice) || advice.action == SECALLOC_MADV_RESERVE) return EINVAL;
  if (!entry::Start()) return ENOMEM;
  SettleBudget();
  Allocation allocation;
  const int error = FindAllocation(pointer, &allocation);
  if (error == EINVAL || (error != 0 && (advice.exact || advice.action == SECALLOC_MADV_WIPE))) {
    return EINVAL;
  }
  const uintptr_t page = RoundDown(Address(pointer), os::PageSize());
  if (error != 0) return Apply(page, page + os::PageSize(), advice);
  if (advice.action == SECALLOC_MADV_WIPE) return WipeRange(allocation.begin, allocation.end);
  const uintptr_t begin = RoundDown(allocation.begin, os::PageSize());
  // An object of size zero has no byte of its own.
  const uintptr_t end = RoundUp(std::max(allocation.end, allocation.begin + 1), os::PageSize());
  const bool alone = begin == allocation.begin && end <= allocation.last;
  if (advice.exact && !alone) return EINVAL;
  return Apply(begin, end, advice);
}

}  // namespace secure_alloc
