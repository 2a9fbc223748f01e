// domain: what lives in it, what it takes with it.
#include <errno.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory_resource>
#include <utility>
#include <vector>

#include "tests/cxx/support.h"

namespace secure_alloc {
namespace {

using namespace test;

bool IsIn(const char* name, const void* address) {
  const struct secalloc_info info = InfoOf(address);
  return info.live == 1 && info.domain != nullptr && std::strcmp(info.domain, name) == 0;
}

TEST(Domain, HoldsSecretsThatAreMadeInIt) {
  const domain keys("keys");
  auto key = make_secret_in<Key>(keys);
  EXPECT_TRUE(IsIn("keys", reinterpret_cast<const void*>(AddressOf(key))));
  auto other = make_secret<Key>();
  EXPECT_FALSE(IsIn("keys", reinterpret_cast<const void*>(AddressOf(other))));
}

TEST(Domain, ServesPmrContainers) {
  const domain keys("keys");
  memory_resource resource(keys);
  const std::pmr::vector<int> numbers(100, 7, &resource);
  EXPECT_TRUE(IsIn("keys", numbers.data()));
}

TEST(Domain, EndsWithItsObject) {
  const void* object;
  {
    domain keys("keys");
    const domain moved = std::move(keys);
    object = secalloc_domain_malloc(moved.get(), 100);
    EXPECT_TRUE(IsIn("keys", object));
  }
  EXPECT_FALSE(IsProtected(object));
}

TEST(Domain, KeepsToItsQuota) {
  domain_options options;
  options.quota = 256 << 10;
  const domain keys("keys", options);
  EXPECT_EQ(secalloc_domain_malloc(keys.get(), 1 << 20), nullptr);
  EXPECT_TRUE(make_secret_in<Key>(keys));
}

TEST(Domain, ReservesOrSaysWhyNot) {
  domain keys("keys");
  EXPECT_TRUE(keys.try_reserve(10000));
  EXPECT_TRUE(keys.try_reserve_objects(10, 100));
  errno = 0;
  EXPECT_FALSE(keys.try_reserve(kTooMuch));
  EXPECT_EQ(errno, EAGAIN);
}

#ifdef __cpp_exceptions
TEST(Domain, ThrowsBadAllocWhenItIsRefused) {
  EXPECT_THROW(domain(nullptr), std::bad_alloc);
}
#endif

}  // namespace
}  // namespace secure_alloc
