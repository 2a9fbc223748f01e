// guarded<T>: open in windows only.
#include <gtest/gtest.h>

#include <csignal>
#include <cstdint>
#include <new>
#include <utility>

#include "tests/cxx/support.h"

namespace secure_alloc {
namespace {

using namespace test;

unsigned char Read(uintptr_t address) {
  return *reinterpret_cast<const volatile unsigned char*>(address);
}
void Write(uintptr_t address) { *reinterpret_cast<volatile unsigned char*>(address) = 1; }

auto Faults() { return testing::KilledBySignal(SIGSEGV); }

TEST(GuardedDeathTest, IsInaccessibleAtRest) {
  auto key = make_guarded<Key>();
  const uintptr_t address = AddressOf(key);
  EXPECT_TRUE(IsProtected(address));
  EXPECT_EXIT(Read(address), Faults(), "");
  key.access([](Key& bytes) { bytes.fill(5); });
  EXPECT_EXIT(Read(address), Faults(), "");
  EXPECT_EQ(key.access([](const Key& bytes) { return int{bytes[31]}; }), 5);
}

TEST(GuardedDeathTest, AConstWindowIsForReading) {
  auto key = make_guarded<Key>();
  const uintptr_t address = AddressOf(key);
  const auto& fixed = key;
  EXPECT_EXIT(fixed.access([&](const Key&) { Write(address); }), Faults(), "");
  fixed.access([&](const Key&) { EXPECT_EQ(Read(address), 0); });
}

TEST(GuardedDeathTest, WindowsNest) {
  auto key = make_guarded<Key>();
  const uintptr_t address = AddressOf(key);
  const auto& fixed = key;
  key.access([&](Key& bytes) {
    fixed.access([](const Key&) {});
    bytes.fill(7);
  });
  fixed.access([&](const Key&) {
    key.access([](Key& bytes) { bytes[0] = 8; });
    EXPECT_EQ(Read(address), 8);
    EXPECT_EXIT(Write(address), Faults(), "");
  });
  EXPECT_EXIT(Read(address), Faults(), "");
}

TEST(GuardedDeathTest, FaultsBehindItsEnd) {
  auto page = make_guarded<std::array<unsigned char, 4096>>();
  const uintptr_t address = AddressOf(page);
  EXPECT_EXIT(page.access([&](auto&) { Read(address + 4096); }), Faults(), "");
}

TEST(GuardedDeathTest, StaysClosedWhenItIsMoved) {
  auto key = make_guarded<Key>();
  const uintptr_t address = AddressOf(key);
  guarded<Key> other = make_guarded<Key>();
  other = std::move(key);
  EXPECT_FALSE(key);  // NOLINT(bugprone-use-after-move): that is the promise
  EXPECT_EXIT(Read(address), Faults(), "");
  EXPECT_EQ(AddressOf(other), address);
  EXPECT_EXIT(key.access([](Key&) {}), testing::KilledBySignal(SIGABRT), "empty secret");
}

TEST(Guarded, DestroysItsValueAndFreesIt) {
  int ends = 0;
  uintptr_t address;
  {
    auto value = make_guarded<Mortal>(&ends);
    address = AddressOf(value);
    value = make_guarded<Mortal>(&ends);
    EXPECT_EQ(ends, 1);
    EXPECT_FALSE(IsProtected(address));
    address = AddressOf(value);
  }
  EXPECT_EQ(ends, 2);
  EXPECT_FALSE(IsProtected(address));
}

TEST(Guarded, EqualsByBytes) {
  auto one = make_guarded<Key>(), two = make_guarded<Key>();
  EXPECT_TRUE(one == two);
  EXPECT_TRUE(one == one);
  two.access([](Key& bytes) { bytes[0] = 1; });
  EXPECT_TRUE(one != two);
}

TEST(Guarded, LivesInADomain) {
  const domain keys("keys");
  auto key = make_guarded_in<Key>(keys);
  EXPECT_STREQ(InfoOf(reinterpret_cast<const void*>(AddressOf(key))).domain, "keys");
}

#ifdef __cpp_exceptions
TEST(GuardedDeathTest, ClosesWhenTheCallableThrows) {
  auto key = make_guarded<Key>();
  const uintptr_t address = AddressOf(key);
  EXPECT_THROW(key.access([](Key&) { throw 1; }), int);
  EXPECT_EXIT(Read(address), Faults(), "");
}

TEST(Guarded, ThrowsBadAllocWhenMemoryIsRefused) {
  EXPECT_THROW((void)make_guarded<Huge>(), std::bad_alloc);
}
#endif

}  // namespace
}  // namespace secure_alloc
