// domain: what lives in it, what it takes with it.
#include <errno.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <memory_resource>
#include <utility>
#include <vector>

#include "tests/cxx/support.h"

namespace secure_alloc {
namespace {

using namespace test;

constexpr int kOpen = PROT_READ | PROT_WRITE;

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

TEST(Domain, WithoutAKeyStaysOpen) {
  const domain keys("keys");
  EXPECT_EQ(keys.access(), kOpen);
  errno = 0;
  EXPECT_FALSE(keys.try_set_access(PROT_NONE));
  EXPECT_EQ(errno, EOPNOTSUPP);
}

// Or why there can be none.
int KeyError() {
  struct secalloc_domain_config config = {};
  config.name = "keys";
  config.flags = SECALLOC_DOMAIN_PKEY;
  secalloc_domain* const probe = secalloc_domain_create(&config);
  if (probe == nullptr) return errno;
  return secalloc_domain_destroy(probe);
}

TEST(Domain, IsOpenInWindowsOnly) {
  if (KeyError() != 0) GTEST_SKIP() << "SKIP: machine: no protection keys";
  domain_options options;
  options.keyed = true;
  const domain keys("keys", options);
  auto key = make_secret_in<Key>(keys);
  keys.close();
  {
    const domain_window reading(keys, PROT_READ);
    EXPECT_EQ(keys.access(), PROT_READ);
    {
      const domain_window writing(keys);
      key.access([](Key& bytes) { bytes[0] = 7; });
    }
    EXPECT_EQ(keys.access(), PROT_READ);
    key.access([](const Key& bytes) { EXPECT_EQ(bytes[0], 7); });
  }
  EXPECT_EQ(keys.access(), PROT_NONE);
  keys.set_access(kOpen);  // The key's destructor writes to it.
}

#ifdef __cpp_exceptions
TEST(Domain, WithAKeyIsRefusedWhereThereAreNone) {
  const int error = KeyError();
  if (error == 0) return;  // Shown above.
  EXPECT_EQ(error, EOPNOTSUPP);
  domain_options options;
  options.keyed = true;
  EXPECT_THROW(domain("keys", options), std::bad_alloc);
}

TEST(Domain, ThrowsBadAllocWhenItIsRefused) {
  EXPECT_THROW(domain(nullptr), std::bad_alloc);
}
#endif

}  // namespace
}  // namespace secure_alloc
