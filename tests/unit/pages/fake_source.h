// A source without memory: it keeps book of what a page heap asks for, finds fault with
// what no source would stand, and refuses on command. The heap's addresses are real address
// space that nobody touches.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "allocator/base/bits.h"
#include "allocator/pages/source.h"

namespace secure_alloc::test {

// Shared by the sources of one ladder, so that the Nth request of all of them can fail.
struct Refusals {
  long requests = 0;         // Map, Prepare, Guard and SetKey calls so far
  long first = -1;           // the request that is refused, from 0; -1: none
  bool from_then_on = false; // and all later ones
  int error = 11;            // EAGAIN

  int Next();
  bool reached() const { return first >= 0 && requests > first; }
};

class FakeSource final : public Source {
 public:
  explicit FakeSource(Protection protection, Refusals* refusals)
      : protection_(protection), refusals_(refusals) {}

  Protection protection() const override { return protection_; }
  InChild in_child() const override { return InChild::kCopied; }
  int Map(void* address, size_t length) const override;
  bool Unmap(void* address, size_t length) const override;
  int Prepare(void* address, size_t length) const override;
  bool Retire(void* address, size_t length) const override;
  int Guard(void* address, size_t length) const override;
  int Unguard(void* address, size_t length) const override;
  int SetKey(void* address, size_t length, unsigned key) const override;

  bool IsMapped(uintptr_t address, size_t length) const;
  bool IsPrepared(uintptr_t address, size_t length) const;
  bool IsGuarded(uintptr_t page) const { return book_.guards.count(page) != 0; }
  size_t mapped_bytes() const;
  // The pages that lie under this key.
  size_t KeyedBytes(unsigned key) const;
  size_t guards() const { return book_.guards.size(); }
  const std::vector<Pages>& maps_asked() const { return book_.maps_asked; }
  void ForgetMaps() { book_.maps_asked.clear(); }
  const std::vector<uintptr_t>& unmapped() const { return book_.unmapped; }

  // From here on something stays wherever pages leave, or no more.
  void Litter(bool litters = true) { litters_ = litters; }
  void RefuseMaps(int error) { map_error_ = error; }
  void RefusePrepare(int error) { prepare_error_ = error; }
  void RefuseKeys(int error) { key_error_ = error; }

 private:
  struct Book {
    std::map<uintptr_t, size_t> mapped;  // length by start
    std::set<uintptr_t> prepared, guards;
    std::map<uintptr_t, unsigned> keys;  // by page
    std::vector<Pages> maps_asked;
    std::vector<uintptr_t> unmapped;
  };

  const Protection protection_;
  Refusals* const refusals_;
  int map_error_ = 0, prepare_error_ = 0, key_error_ = 0;
  bool litters_ = false;
  mutable Book book_;
};

}  // namespace secure_alloc::test
