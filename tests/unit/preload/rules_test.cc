#include "preload/rules.h"

#include <gtest/gtest.h>

namespace secure_alloc::rules {
namespace {

TEST(DomainOf, RemembersAnAnswerForItsPageOnly) {
  const auto page = uintptr_t{0x7f0000001000};
  table[(page >> kCodePageShift) % kEntries].store((page >> kCodePageShift) << 8 | 64);
  unsigned domain = 0;
  EXPECT_TRUE(Lookup(reinterpret_cast<void*>(page), &domain));
  EXPECT_EQ(domain, 64u);
  EXPECT_TRUE(Lookup(reinterpret_cast<void*>(page + 0xFFF), &domain));
  EXPECT_FALSE(Lookup(reinterpret_cast<void*>(page + 0x1000), &domain));
  EXPECT_FALSE(
      Lookup(reinterpret_cast<void*>(page + (uintptr_t{kEntries} << kCodePageShift)), &domain))
      << "another page of the same entry";
}

}  // namespace
}  // namespace secure_alloc::rules
