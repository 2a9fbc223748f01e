// The memory functions of libsodium and OpenSSL behave as documented when the crypto preload
// library serves them, and its memory is secret.
#include <errno.h>
#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <sodium.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>

#include "secure_alloc/secure_alloc.h"

namespace {

bool IsProtected(const void* address) {
  struct secalloc_info info = {};
  return secalloc_query(address, &info) == 0 && info.live == 1 && info.protection != SECALLOC_PLAIN;
}

auto Faults() { return testing::KilledBySignal(SIGSEGV); }

volatile unsigned char* Bytes(void* object) { return static_cast<unsigned char*>(object); }

TEST(Sodium, MemoryIsSecretAndFilledWithGarbage) {
  ASSERT_GE(sodium_init(), 0);
  for (const size_t size : {0, 1, 32, 4096, 100000}) {
    void* const object = sodium_malloc(size);
    EXPECT_TRUE(IsProtected(object)) << size;
    for (size_t i = 0; i < size; ++i) ASSERT_EQ(Bytes(object)[i], 0xdb);
    sodium_free(object);
    EXPECT_FALSE(IsProtected(object)) << size;
  }
  sodium_free(nullptr);
}

TEST(SodiumDeathTest, AccessIsWhatWasSet) {
  void* const object = sodium_malloc(32);
  ASSERT_EQ(sodium_mprotect_readonly(object), 0);
  EXPECT_EQ(Bytes(object)[0], 0xdb);
  EXPECT_EXIT(Bytes(object)[0] = 1, Faults(), "");
  ASSERT_EQ(sodium_mprotect_noaccess(object), 0);
  EXPECT_EXIT((void)Bytes(object)[0], Faults(), "");
  ASSERT_EQ(sodium_mprotect_readwrite(object), 0);
  Bytes(object)[0] = 1;
  ASSERT_EQ(sodium_mprotect_noaccess(object), 0);
  sodium_free(object);  // Opens it.
}

TEST(SodiumDeathTest, TheByteBehindFaults) {
  void* const object = sodium_malloc(32);
  EXPECT_EXIT(Bytes(object)[32] = 1, Faults(), "");
  sodium_free(object);
}

TEST(Sodium, ArraysAreCheckedForOverflow) {
  void* const array = sodium_allocarray(10, 32);
  EXPECT_TRUE(IsProtected(array));
  EXPECT_EQ(secalloc_usable_size(array), 320u);
  sodium_free(array);
  errno = 0;
  EXPECT_EQ(sodium_allocarray(SIZE_MAX / 2, 3), nullptr);
  EXPECT_EQ(errno, ENOMEM);
}

TEST(OpenSsl, MemoryIsSecretAndZero) {
  EXPECT_EQ(CRYPTO_secure_malloc_initialized(), 0);
  EXPECT_EQ(CRYPTO_secure_malloc_init(65536, 16), 1);
  EXPECT_EQ(CRYPTO_secure_malloc_init(65536, 16), 0);
  EXPECT_EQ(CRYPTO_secure_malloc_initialized(), 1);
  auto* const object = static_cast<unsigned char*>(OPENSSL_secure_zalloc(100000));
  EXPECT_TRUE(IsProtected(object));
  EXPECT_EQ(object[99999], 0);
  EXPECT_EQ(OPENSSL_secure_actual_size(object), 100000u);
  EXPECT_EQ(CRYPTO_secure_allocated(object), 1);
  EXPECT_GE(CRYPTO_secure_used(), 100000u);
  OPENSSL_secure_clear_free(object, 100000);
  EXPECT_FALSE(IsProtected(object));
  EXPECT_EQ(OPENSSL_secure_malloc(0), nullptr);
  EXPECT_EQ(CRYPTO_secure_malloc_done(), 1);
  EXPECT_EQ(CRYPTO_secure_malloc_initialized(), 0);
}

TEST(OpenSsl, OrdinaryObjectsAreFreedAsSuch) {
  void* const object = OPENSSL_malloc(100);
  EXPECT_EQ(CRYPTO_secure_allocated(object), 0);
  OPENSSL_secure_free(object);
  OPENSSL_secure_free(nullptr);
  int local;
  EXPECT_EQ(CRYPTO_secure_allocated(&local), 0);
}

// libcrypto's own calls come by as well.
TEST(OpenSsl, SecureNumbersAreSecret) {
  const size_t before = CRYPTO_secure_used();
  BIGNUM* const number = BN_secure_new();
  ASSERT_EQ(BN_lshift(number, BN_value_one(), 8 * 1000000), 1);
  EXPECT_GE(CRYPTO_secure_used(), before + 1000000);
  BN_clear_free(number);
}

}  // namespace
