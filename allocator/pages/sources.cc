#include "allocator/pages/sources.h"

#include <errno.h>

#include "allocator/base/bits.h"
#include "allocator/base/fault.h"
#include "allocator/os/keys.h"
#include "allocator/os/os.h"
#include "allocator/pages/budget.h"

namespace secure_alloc {

constinit const SecretSource secret_source(InChild::kAbsent);
constinit const SecretSource shared_secret_source(InChild::kShared);
constinit const LockedSource locked_source(InChild::kCopied);
constinit const LockedSource private_locked_source(InChild::kAbsent);
constinit const PlainSource plain_source;
constinit const SparseSource sparse_source;
constinit const InaccessibleSource inaccessible_source;

bool CommonSource::Unmap(void* address, size_t length) const {
  return os::Unreserve(address, length) == 0;
}

int CommonSource::Guard(void* address, size_t length) const { return os::Forbid(address, length); }

int CommonSource::Unguard(void* address, size_t length) const {
  return os::Commit(address, length);
}

int CommonSource::SetKey(void* address, size_t length, unsigned key) const {
  return os::SetKey(address, length, key);
}

namespace {

constinit Budget secret_limit(SIZE_MAX);

constexpr size_t kHugePage = 2 * kMiB;

}  // namespace

void LimitSecretPages(size_t bytes) { secret_limit.SetLimit(bytes); }

int SecretSource::Map(void* address, size_t length) const {
  if (!secret_limit.TryCharge(length)) return EAGAIN;
  void* mapped;
  const int error = os::MapSecret(address, length, in_child() == InChild::kShared, &mapped);
  if (error != 0) secret_limit.Release(length);
  return error;
}

bool SecretSource::Unmap(void* address, size_t length) const {
  secret_limit.Release(length);
  return os::UnreserveSecret(address, length) == 0;
}

int SecretSource::Prepare(void* address, size_t length) const {
  return os::FaultIn(address, length);
}

int LockedSource::Map(void* address, size_t length) const {
  int error = os::Commit(address, length);
  if (error != 0) return error;
  error = os::LockUndumped(address, length);
  if (error == 0 && in_child() == InChild::kAbsent) error = os::KeepFromChildren(address, length);
  if (error != 0) SA_CHECK(Unmap(address, length));  // It was reserved a moment ago.
  return error;
}

// A heap that grows by whole huge pages has been through all of its smaller steps.
int PlainSource::Map(void* address, size_t length) const {
  const int error = os::Commit(address, length);
  if (error == 0 && (Address(address) | length) % kHugePage == 0) {
    os::PreferHugePages(address, length);
  }
  return error;
}

int SparseSource::Prepare(void* address, size_t length) const {
  const int error = os::Commit(address, length);
  if (error == 0 && length >= kLeastHuge) os::PreferHugePages(address, length);
  return error;
}

bool SparseSource::Retire(void* address, size_t length) const {
  // Without a map entry to spare the pages stay accessible, but drop their contents.
  if (os::Unreserve(address, length) != 0) SA_CHECK(os::Discard(address, length) == 0);
  return true;
}

}  // namespace secure_alloc
