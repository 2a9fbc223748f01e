// Domains: each with its pages, its limit, its policy; none at the cost of another.
#include <errno.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "secure_alloc/secure_alloc.h"
#include "tests/unit/child.h"

namespace {

using secure_alloc::test::EndOf;

constexpr size_t kQuota = 1 << 20;

secalloc_domain* Create(const char* name, size_t quota = kQuota,
                        secalloc_fork fork = SECALLOC_FORK_DEFAULT) {
  const secalloc_domain_config config = {
      .name = name, .quota = quota, .fallback = SECALLOC_FALLBACK_DEFAULT, .fork = fork,
      .flags = 0, .reserved = {}};
  return secalloc_domain_create(&config);
}

secalloc_info Query(const void* address) {
  secalloc_info info;
  EXPECT_EQ(secalloc_query(address, &info), 0);
  return info;
}

// Objects of `size` bytes until there are no more.
std::vector<void*> Drain(secalloc_domain* domain, size_t size) {
  std::vector<void*> objects;
  while (void* const object = secalloc_domain_malloc(domain, size)) objects.push_back(object);
  EXPECT_EQ(errno, ENOMEM);
  return objects;
}

TEST(Domain, RefusesWhatItDoesNotKnow) {
  secalloc_domain_config config = {};
  EXPECT_EQ(secalloc_domain_create(nullptr), nullptr);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(secalloc_domain_create(&config), nullptr) << "no name";
  config.name = "x";
  config.flags = 0x80000000;
  EXPECT_EQ(secalloc_domain_create(&config), nullptr);
  config.flags = 0;
  config.fork = static_cast<secalloc_fork>(77);
  EXPECT_EQ(secalloc_domain_create(&config), nullptr);
  config.fork = SECALLOC_FORK_COPY;
  config.reserved[3] = 1;
  EXPECT_EQ(secalloc_domain_create(&config), nullptr);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(secalloc_domain_destroy(nullptr), -1);
}

TEST(Domain, ServesEverySizeAndTellsItsName) {
  secalloc_domain* const domain = Create("keys");
  ASSERT_NE(domain, nullptr);
  for (size_t size = 1; size < 200000; size += size / 3 + 1) {
    char* const object = static_cast<char*>(secalloc_domain_malloc(domain, size));
    ASSERT_NE(object, nullptr) << size;
    for (size_t i = 0; i < size; ++i) ASSERT_EQ(object[i], 0);
    memset(object, 0x5A, size);
    EXPECT_EQ(secalloc_usable_size(object), size);
    const secalloc_info info = Query(object + size / 2);
    EXPECT_STREQ(info.domain, "keys");
    EXPECT_EQ(info.object, object);
    EXPECT_EQ(info.size, size);
    EXPECT_EQ(info.live, 1);
    EXPECT_NE(info.protection, SECALLOC_PLAIN);
    secalloc_free(object);
    EXPECT_EQ(Query(object).live, 0);
  }
  EXPECT_EQ(secalloc_domain_destroy(domain), 0);
}

TEST(Domain, LongNamesAreCut) {
  secalloc_domain* const domain = Create(std::string(100, 'n').c_str());
  void* const object = secalloc_domain_malloc(domain, 1);
  EXPECT_EQ(Query(object).domain, std::string(31, 'n'));
  secalloc_domain_destroy(domain);
}

TEST(Domain, ReallocKeepsOrBringsObjectsThere) {
  secalloc_domain* const domain = Create("keys");
  char* object = static_cast<char*>(secalloc_malloc(10));
  memcpy(object, "123456789", 10);
  for (const size_t size : {20, 3000, 100000, 40000, 30}) {
    object = static_cast<char*>(secalloc_domain_realloc(domain, object, size));
    ASSERT_NE(object, nullptr);
    EXPECT_STREQ(object, "123456789");
    EXPECT_STREQ(Query(object).domain, "keys");
    object = static_cast<char*>(secalloc_realloc(object, size + 10));
    EXPECT_STREQ(Query(object).domain, "keys") << "an object stays in its domain";
  }
  object = static_cast<char*>(secalloc_domain_realloc(nullptr, object, 50));
  EXPECT_STREQ(Query(object).domain, "secret");
  EXPECT_STREQ(object, "123456789");
  secalloc_free(object);
  secalloc_domain_destroy(domain);
}

TEST(Domain, AlignsAndMultiplies) {
  secalloc_domain* const domain = Create("keys");
  for (size_t alignment = 1; alignment <= 65536; alignment *= 2) {
    void* const object = secalloc_domain_aligned_alloc(domain, alignment, 100);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(object) % alignment, 0u);
    secalloc_domain_free(domain, object);
  }
  EXPECT_EQ(secalloc_domain_aligned_alloc(domain, 3, 100), nullptr);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(secalloc_domain_calloc(domain, SIZE_MAX / 2, 3), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  void* const empty = secalloc_domain_malloc(domain, 0);
  EXPECT_NE(empty, nullptr);
  secalloc_domain_free(domain, empty);
  secalloc_domain_destroy(domain);
}

TEST(Domain, AQuotaIsAllThatADomainGets) {
  secalloc_domain *const small = Create("small", 256 << 10), *const other = Create("other");
  const std::vector<void*> all = Drain(small, 1000);
  EXPECT_GT(all.size(), 100u);
  EXPECT_LE(all.size(), 262u);
  // Others go on, inside and outside of created domains.
  void* const theirs = secalloc_domain_malloc(other, 300000);
  EXPECT_NE(theirs, nullptr);
  EXPECT_NE(secalloc_domain_malloc(other, 1000), nullptr);
  void* const standard = secalloc_malloc(1000);
  EXPECT_NE(standard, nullptr);
  secalloc_free(standard);
  // What comes back can be had again.
  for (void* const object : all) secalloc_free(object);
  const std::vector<void*> again = Drain(small, 1000);
  EXPECT_GE(again.size() + 4, all.size());
  secalloc_domain_destroy(small);
  secalloc_domain_destroy(other);
}

TEST(Domain, DrainingOneTakesNothingOfAnothersReservation) {
  secalloc_domain *const greedy = Create("greedy", 0), *const careful = Create("careful");
  constexpr size_t kObjects = 2000, kSize = 48;
  ASSERT_EQ(secalloc_reserve_objects(careful, kObjects, kSize), 0);
  std::atomic<bool> drained = false;
  std::thread thread([&] {
    // 64 MiB may well be less than the budget: to its end, but not for minutes.
    for (size_t total = 0; total < 64 << 20; total += 60000) {
      if (secalloc_domain_malloc(greedy, 60000) == nullptr) break;
    }
    drained = true;
  });
  size_t rounds = 0;
  do {
    std::vector<void*> objects;
    for (size_t i = 0; i < kObjects; ++i) {
      objects.push_back(secalloc_domain_malloc(careful, kSize));
      ASSERT_NE(objects.back(), nullptr) << i;
    }
    for (void* const object : objects) secalloc_domain_free(careful, object);
    ++rounds;
  } while (!drained || rounds < 3);
  thread.join();
  secalloc_domain_destroy(greedy);
  secalloc_domain_destroy(careful);
}

TEST(Domain, DestroyGivesEverythingBack) {
  secalloc_trim();
  struct secalloc_stats before, during, after;
  ASSERT_EQ(secalloc_stats(&before), 0);
  secalloc_domain* const domain = Create("keys");
  ASSERT_EQ(secalloc_reserve(domain, 100000), 0);
  for (const size_t size : {10, 500, 30000, 50000}) secalloc_domain_malloc(domain, size);
  char* const pages = static_cast<char*>(secalloc_domain_alloc_pages(domain, 16, 100, 0));
  ASSERT_EQ(secalloc_protect(pages, 0), 0);
  ASSERT_EQ(secalloc_stats(&during), 0);
  EXPECT_GT(during.arena_bytes, before.arena_bytes + 100000);
  ASSERT_EQ(secalloc_domain_destroy(domain), 0);
  ASSERT_EQ(secalloc_stats(&after), 0);
  EXPECT_EQ(after.arena_bytes, before.arena_bytes);
  EXPECT_EQ(Query(pages).ours, 0);
}

using DomainDeath = testing::Test;

TEST(DomainDeath, FreesAreChecked) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        secalloc_domain* const domain = Create("keys");
        void* const object = secalloc_domain_malloc(domain, 40);
        secalloc_free(object);
        secalloc_free(object);
      },
      "double free");
  EXPECT_DEATH(
      {
        secalloc_domain* const domain = Create("keys");
        static_cast<char*>(secalloc_domain_malloc(domain, 40))[8] = 1;
        char* const object = static_cast<char*>(secalloc_domain_malloc(domain, 40));
        object[40] = 1;
        secalloc_free(object);
      },
      "overflow");
  EXPECT_DEATH(
      {
        void* const object = secalloc_domain_malloc(Create("one"), 40);
        secalloc_domain_free(Create("other"), object);
      },
      "wrong domain");
  EXPECT_DEATH(
      {
        secalloc_domain* const domain = Create("keys");
        void* const object = secalloc_domain_malloc(domain, 40);
        secalloc_domain_destroy(domain);
        secalloc_free(object);
      },
      "invalid free");
}

TEST(DomainFork, EachDomainByItsPolicy) {
  secalloc_domain* const copied = Create("copied", kQuota, SECALLOC_FORK_COPY);
  secalloc_domain* const denied = Create("denied", kQuota, SECALLOC_FORK_DENY);
  secalloc_domain* const shared = Create("shared", kQuota, SECALLOC_FORK_SHARE);
  char* const copy = static_cast<char*>(secalloc_domain_malloc(copied, 3000));
  char* const deny = static_cast<char*>(secalloc_domain_malloc(denied, 3000));
  char* const share = static_cast<char*>(secalloc_domain_malloc(shared, 3000));
  strcpy(copy, "a");
  strcpy(deny, "a");
  strcpy(share, "a");
  if (Query(copy).protection != SECALLOC_SECRET) {
    GTEST_SKIP() << "SKIP: kernel: no memfd_secret(2)";
  }
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const bool seen = strcmp(copy, "a") == 0 && strcmp(share, "a") == 0;
    copy[0] = share[0] = 'b';
    secalloc_free(copy);
    secalloc_free(deny);  // Nothing of it is here: no fault.
    char* const own = static_cast<char*>(secalloc_domain_malloc(denied, 100));
    if (own == nullptr) _exit(2);
    strcpy(own, "child's");
    _exit(seen ? 0 : 1);
  }
  EXPECT_EQ(EndOf(child), 0);
  EXPECT_STREQ(copy, "a");
  EXPECT_STREQ(deny, "a");
  EXPECT_STREQ(share, "b");
  child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(static_cast<volatile char*>(deny)[0]);
  EXPECT_EQ(EndOf(child), -SIGSEGV);
  for (secalloc_domain* const domain : {copied, denied, shared}) secalloc_domain_destroy(domain);
}

TEST(DomainFork, ThreadsCreateAndUseDomainsMeanwhile) {
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&stop] {
      while (!stop) {
        secalloc_domain* const domain = Create("brief");
        for (int j = 0; j < 50; ++j) {
          char* const object = static_cast<char*>(secalloc_domain_malloc(domain, 10 + j * 100));
          if (object != nullptr) object[0] = 1;
          if (j % 3 == 0) secalloc_free(object);
        }
        secalloc_domain_destroy(domain);
      }
    });
  }
  secalloc_domain* const mine = Create("mine");
  char* const object = static_cast<char*>(secalloc_domain_malloc(mine, 100));
  strcpy(object, "kept");
  for (int i = 0; i < 200; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      char* const own = static_cast<char*>(secalloc_domain_malloc(mine, 100));
      const bool right = own != nullptr && strcmp(object, "kept") == 0;
      secalloc_free(object);
      _exit(right ? 0 : 1);
    }
    ASSERT_EQ(EndOf(child), 0) << i;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  secalloc_domain_destroy(mine);
}

}  // namespace
