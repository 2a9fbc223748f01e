// The sources of pages that there are.
#pragma once

#include "allocator/base/bits.h"
#include "allocator/pages/source.h"

namespace secure_alloc {

// What most sources do at each step.
class CommonSource : public Source {
 public:
  constexpr CommonSource(Protection protection, InChild in_child)
      : protection_(protection), in_child_(in_child) {}
  Protection protection() const override { return protection_; }
  InChild in_child() const override { return in_child_; }
  int Map(void*, size_t) const override { return 0; }
  bool Unmap(void* address, size_t length) const override;
  int Prepare(void*, size_t) const override { return 0; }
  bool Retire(void*, size_t) const override { return false; }
  int Guard(void* address, size_t length) const override;
  int Unguard(void* address, size_t length) const override;
  int SetKey(void* address, size_t length, unsigned key) const override;

 protected:
  ~CommonSource() = default;

 private:
  Protection protection_;
  InChild in_child_;
};

// memfd_secret(2): one file per Map, so that it goes back whole. kAbsent or kShared.
class SecretSource final : public CommonSource {
 public:
  explicit constexpr SecretSource(InChild in_child)
      : CommonSource(Protection::kSecret, in_child) {}
  int Map(void* address, size_t length) const override;
  bool Unmap(void* address, size_t length) const override;
  int Prepare(void* address, size_t length) const override;
};

// mlock(2) and MADV_DONTDUMP: readable by root, neither swapped nor dumped.
// kCopied or kAbsent.
class LockedSource final : public CommonSource {
 public:
  explicit constexpr LockedSource(InChild in_child)
      : CommonSource(Protection::kLocked, in_child) {}
  int Map(void* address, size_t length) const override;
};

// Ordinary memory, accessible from Map on: for slabs.
class PlainSource final : public CommonSource {
 public:
  constexpr PlainSource() : CommonSource(Protection::kPlain, InChild::kCopied) {}
  int Map(void* address, size_t length) const override;
};

// Ordinary memory, accessible only while handed out: for large objects, whose
// neighbours are then guards by themselves.
class SparseSource final : public CommonSource {
 public:
  constexpr SparseSource() : CommonSource(Protection::kPlain, InChild::kCopied) {}
  int Prepare(void* address, size_t length) const override;
  bool Retire(void* address, size_t length) const override;
  int Guard(void*, size_t) const override { return 0; }
  int Unguard(void*, size_t) const override { return 0; }
};

// No memory at all: for objects of size zero, whose every access must fault.
class InaccessibleSource final : public CommonSource {
 public:
  constexpr InaccessibleSource() : CommonSource(Protection::kPlain, InChild::kCopied) {}
};

// Sparse pages are huge ones from so many bytes on: not what may be used in a small part only.
inline constexpr size_t kLeastHuge = 4 * kMiB;

// Most that secret pages may take in this process, where a limit binds them alone; what is
// beyond is EAGAIN, so that the next source can be tried.
void LimitSecretPages(size_t bytes);

extern constinit const SecretSource secret_source;         // absent in a child
extern constinit const SecretSource shared_secret_source;  // shared with it
extern constinit const LockedSource locked_source;         // copied by the kernel
extern constinit const LockedSource private_locked_source; // absent in a child
extern constinit const PlainSource plain_source;
extern constinit const SparseSource sparse_source;
extern constinit const InaccessibleSource inaccessible_source;

}  // namespace secure_alloc
