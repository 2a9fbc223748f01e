// secret<T>: where it lives, how it ends, what it lets through.
#include <errno.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <utility>

#include "tests/cxx/support.h"

namespace secure_alloc {
namespace {

using namespace test;

struct alignas(256) Aligned {
  unsigned char bytes[256];
};

TEST(Secret, LiesInSecretMemory) {
  auto key = make_secret<Key>();
  EXPECT_TRUE(IsProtected(AddressOf(key)));
}

TEST(Secret, IsValueInitialized) {
  const auto key = make_secret<Key>();
  EXPECT_TRUE(key.access([](const Key& bytes) { return bytes == Key{}; }));
  EXPECT_EQ(make_secret<int>(7).access([](int& value) { return value + 0L; }), 7L);
}

TEST(Secret, KeepsAlignment) {
  auto value = make_secret<Aligned>();
  EXPECT_EQ(AddressOf(value) % alignof(Aligned), 0u);
  EXPECT_TRUE(IsProtected(AddressOf(value)));
}

TEST(Secret, GivesBackWhatTheCallableReturns) {
  auto key = make_secret<Key>();
  key.access([](Key& bytes) { bytes.fill(3); });
  EXPECT_EQ(key.access([](const Key& bytes) { return int{bytes[31]}; }), 3);
  const auto& same = key;
  EXPECT_EQ(same.access([](const Key& bytes) { return bytes.size(); }), 32u);
}

TEST(Secret, MovesWithoutCopying) {
  auto key = make_secret<Key>();
  const uintptr_t address = AddressOf(key);
  secret<Key> other = std::move(key);
  EXPECT_FALSE(key);  // NOLINT(bugprone-use-after-move): that is the promise
  EXPECT_EQ(AddressOf(other), address);
}

TEST(Secret, DestroysItsValueOnceAndFreesIt) {
  int ends = 0;
  uintptr_t address;
  {
    auto value = make_secret<Mortal>(&ends);
    address = AddressOf(value);
    const secret<Mortal> moved = std::move(value);
    EXPECT_EQ(ends, 0);
  }
  EXPECT_EQ(ends, 1);
  EXPECT_FALSE(IsProtected(address));
}

TEST(Secret, EqualsByBytes) {
  auto one = make_secret<Key>(), two = make_secret<Key>();
  EXPECT_TRUE(one == two);
  two.access([](Key& bytes) { bytes[31] = 1; });
  EXPECT_TRUE(one != two);
  EXPECT_FALSE(one == secret<Key>());
  EXPECT_TRUE(secret<Key>() == secret<Key>());
}

TEST(Secret, TryMakeIsEmptyWithErrnoWhenMemoryIsRefused) {
  errno = 0;
  EXPECT_FALSE(secret<Huge>::try_make());
  EXPECT_EQ(errno, ENOMEM);
}

TEST(SecretDeathTest, AccessToAnEmptySecretEndsTheProgram) {
  secret<Key> empty;
  EXPECT_DEATH(empty.access([](Key&) {}), "secure_alloc: access to an empty secret");
}

#ifdef __cpp_exceptions
struct Thrower {
  explicit Thrower(uintptr_t* address) {
    *address = reinterpret_cast<uintptr_t>(this);
    throw 1;
  }
};

TEST(Secret, FreesItsMemoryWhenTheConstructorThrows) {
  uintptr_t address = 0;
  EXPECT_THROW((void)make_secret<Thrower>(&address), int);
  EXPECT_NE(address, 0u);
  EXPECT_FALSE(IsProtected(address));
}

TEST(Secret, ThrowsBadAllocWhenMemoryIsRefused) {
  EXPECT_THROW((void)make_secret<Huge>(), std::bad_alloc);
}
#else
TEST(SecretDeathTest, EndsTheProgramWhenMemoryIsRefused) {
  EXPECT_DEATH((void)make_secret<Huge>(), "secure_alloc: secret memory is spent or refused");
}
#endif

TEST(Equal, ComparesRangesOfTheSameElements) {
  const vector<unsigned char> one = {1, 2, 3};
  const unsigned char same[] = {1, 2, 3};
  unsigned char other[] = {1, 2, 4};
  EXPECT_TRUE(equal(one, same));
  EXPECT_FALSE(equal(one, other));
  EXPECT_FALSE(equal(std::array<unsigned char, 2>{1, 2}, one));
  EXPECT_FALSE(equal(one, std::array<unsigned char, 2>{1, 2}));
}

TEST(Equal, SeesEachBit) {
  std::array<unsigned char, 33> one = {}, two = {};
  for (size_t bit = 0; bit < 8 * one.size(); ++bit) {
    two[bit / 8] = static_cast<unsigned char>(1u << bit % 8);
    EXPECT_FALSE(equal(one, two)) << bit;
    two[bit / 8] = 0;
  }
  EXPECT_TRUE(equal(one, two));
}

}  // namespace
}  // namespace secure_alloc
