#include "tests/unit/pages/fake_source.h"

#include <gtest/gtest.h>

#include "allocator/os/os.h"

namespace secure_alloc::test {
namespace {

template <typename Visit>
void ForEachPage(uintptr_t address, size_t length, Visit visit) {
  for (uintptr_t page = address; page < address + length; page += kPageSize) visit(page);
}

}  // namespace

int Refusals::Next() {
  const long request = requests++;
  if (first < 0) return 0;
  return request == first || (from_then_on && request > first) ? error : 0;
}

bool FakeSource::IsMapped(uintptr_t address, size_t length) const {
  // Stretches that lie side by side are one arena's steps.
  auto at = book_.mapped.upper_bound(address);
  if (at == book_.mapped.begin()) return false;
  --at;
  uintptr_t end = at->first + at->second;
  while (++at != book_.mapped.end() && at->first == end) end += at->second;
  return address + length <= end;
}

bool FakeSource::IsPrepared(uintptr_t address, size_t length) const {
  bool all = true;
  ForEachPage(address, length, [&](uintptr_t page) { all &= book_.prepared.count(page) != 0; });
  return all;
}

size_t FakeSource::mapped_bytes() const {
  size_t bytes = 0;
  for (const auto& [start, length] : book_.mapped) bytes += length;
  return bytes;
}

namespace {

void ExpectWholeSystemPages(const void* address, size_t length) {
  EXPECT_EQ(Address(address) % os::PageSize(), 0u) << "the kernel would refuse that address";
  EXPECT_EQ(length % os::PageSize(), 0u) << "the kernel would take more than that";
}

}  // namespace

int FakeSource::Map(void* address, size_t length) const {
  ExpectWholeSystemPages(address, length);
  book_.maps_asked.push_back(PagesFor(length));
  if (const int error = refusals_->Next(); error != 0) return error;
  if (map_error_ != 0) return map_error_;
  ForEachPage(Address(address), length, [&](uintptr_t page) {
    EXPECT_FALSE(IsMapped(page, kPageSize)) << "mapped twice";
  });
  book_.mapped[Address(address)] = length;
  return 0;
}

bool FakeSource::Unmap(void* address, size_t length) const {
  ExpectWholeSystemPages(address, length);
  const uintptr_t begin = Address(address);
  EXPECT_TRUE(IsMapped(begin, length)) << "unmapped, but was not mapped";
  book_.unmapped.push_back(begin);
  for (auto at = book_.mapped.lower_bound(begin);
       at != book_.mapped.end() && at->first < begin + length;) {
    at = book_.mapped.erase(at);
  }
  EXPECT_FALSE(IsMapped(begin, kPageSize)) << "an arena left in pieces";
  ForEachPage(begin, length, [&](uintptr_t page) {
    book_.prepared.erase(page);
    book_.guards.erase(page);
    // Secret pages leave no place behind that a key could stay with.
    const bool keyed = book_.keys.erase(page) != 0;
    EXPECT_TRUE(!keyed || protection_ == Protection::kSecret) << "a key stayed";
  });
  return !litters_;
}

int FakeSource::Prepare(void* address, size_t length) const {
  ExpectWholeSystemPages(address, length);
  if (const int error = refusals_->Next(); error != 0) return error;
  if (prepare_error_ != 0) return prepare_error_;
  EXPECT_TRUE(IsMapped(Address(address), length));
  ForEachPage(Address(address), length, [&](uintptr_t page) {
    EXPECT_TRUE(book_.prepared.insert(page).second) << "prepared twice";
  });
  return 0;
}

bool FakeSource::Retire(void* address, size_t length) const {
  ExpectWholeSystemPages(address, length);
  EXPECT_TRUE(IsPrepared(Address(address), length));
  return false;
}

int FakeSource::Guard(void* address, size_t length) const {
  ExpectWholeSystemPages(address, length);
  if (const int error = refusals_->Next(); error != 0) return error;
  EXPECT_TRUE(IsMapped(Address(address), length));
  ForEachPage(Address(address), length, [&](uintptr_t page) {
    EXPECT_TRUE(book_.guards.insert(page).second) << "guarded twice";
  });
  return 0;
}

int FakeSource::SetKey(void* address, size_t length, unsigned key) const {
  if (const int error = key == 0 ? 0 : refusals_->Next(); error != 0) return error;
  if (key_error_ != 0) return key_error_;
  EXPECT_TRUE(IsMapped(Address(address), length));
  ForEachPage(Address(address), length, [&](uintptr_t page) {
    if (key != 0) {
      EXPECT_TRUE(book_.keys.emplace(page, key).second) << "under two keys";
    } else {
      EXPECT_EQ(book_.keys.erase(page), 1u) << "under no key";
    }
  });
  return 0;
}

size_t FakeSource::KeyedBytes(unsigned key) const {
  size_t bytes = 0;
  for (const auto& [page, its_key] : book_.keys) bytes += its_key == key ? kPageSize : 0;
  return bytes;
}

int FakeSource::Unguard(void* address, size_t length) const {
  ExpectWholeSystemPages(address, length);
  ForEachPage(Address(address), length, [&](uintptr_t page) {
    EXPECT_EQ(book_.guards.erase(page), 1u) << "unguarded, but was no guard";
  });
  return 0;
}

}  // namespace secure_alloc::test
