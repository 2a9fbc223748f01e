// A reservation is a promise: no system call, no page fault, no failure.
#include <errno.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "allocator/os/os.h"
#include "secure_alloc/secure_alloc.h"
#include "tests/unit/api/sandbox.h"
#include "tests/unit/child.h"
#include "tests/unit/domain/wrapped_fork.h"

namespace {

using secure_alloc::os::PageSize;

using secure_alloc::test::ForbidSystemCalls;
using secure_alloc::test::InChild;

secalloc_domain* Create(size_t quota) {
  const secalloc_domain_config config = {
      .name = "reserved", .quota = quota, .fallback = SECALLOC_FALLBACK_DEFAULT,
      .fork = SECALLOC_FORK_DEFAULT, .flags = 0, .reserved = {}};
  return secalloc_domain_create(&config);
}

long PageFaults() {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt + usage.ru_majflt;
}

constexpr int kFailed = 1, kFaulted = 2;

secalloc_domain* domain = nullptr;
void* objects[20000];

// What becomes of a child that calls `promise` and then, without system calls, `use`, which
// returns false if an allocation fails. It does so twice, in two domains: the first time
// the pages of the code and of the test's own data are faulted in.
template <typename Promise, typename Use>
int Outcome(Promise promise, Use use) {
  return InChild([&] {
    memset(objects, 1, sizeof objects);
    domain = Create(0);
    if (!promise() || !use()) return 103;
    domain = Create(0);
    if (!promise()) return 102;
    ForbidSystemCalls();
    PageFaults();
    const long before = PageFaults();
    if (!use()) return kFailed;
    return PageFaults() == before ? 0 : kFaulted;
  });
}

bool AllocateMany(size_t count, size_t size) {
  for (size_t i = 0; i < count; ++i) {
    objects[i] = secalloc_domain_malloc(domain, size);
    if (objects[i] == nullptr) return false;
    memset(objects[i], 1, size);
  }
  return true;
}

class ReserveObjects : public testing::TestWithParam<size_t> {};

TEST_P(ReserveObjects, AreThereWithoutTheKernel) {
  const size_t size = GetParam(), count = size > 4096 ? 40 : 3000;
  EXPECT_EQ(Outcome(
                [&] { return secalloc_reserve_objects(domain, count, size) == 0; },
                [&] {
                  if (!AllocateMany(count, size)) return false;
                  // They may come and go, in any order.
                  for (size_t i = 0; i < count; i += 2) secalloc_free(objects[i]);
                  for (size_t i = 0; i < count; i += 2) {
                    objects[i] = secalloc_domain_malloc(domain, size);
                    if (objects[i] == nullptr) return false;
                  }
                  return true;
                }),
            0);
}
INSTANTIATE_TEST_SUITE_P(Sizes, ReserveObjects,
                         testing::Values(1, 31, 32, 100, 600, 1024, 4095, 5000, 32767, 32768,
                                         100000));

TEST(Reserve, ServesAnyMixOfSizes) {
  static const size_t kSizes[] = {20, 100, 700, 2500, 9000, 20000, 31000};
  for (const size_t bytes : {200000, 1000000, 5000000}) {
    if (static_cast<size_t>(bytes) < 8 * PageSize()) continue;
    EXPECT_EQ(Outcome(
                  [&] { return secalloc_reserve(domain, bytes) == 0; },
                  [&] {
                    // As the header counts them, with a page for each of the seven.
                    size_t left = bytes - 7 * PageSize();
                    unsigned random = 1;
                    for (;;) {
                      random = random * 1103515245 + 12345;
                      const size_t size = kSizes[random / 65536 % 7];
                      const size_t costs[] = {32, 112, 768, 2560, 10240, 20480, 32768};
                      const size_t cost = costs[random / 65536 % 7];
                      if (cost > left) return true;
                      left -= cost;
                      if (secalloc_domain_malloc(domain, size) == nullptr) return false;
                    }
                  }),
              0)
        << bytes;
  }
}

TEST(Reserve, AddsUp) {
  EXPECT_EQ(Outcome(
                [] {
                  return secalloc_reserve_objects(domain, 100, 32) == 0 &&
                         secalloc_reserve_objects(domain, 100, 32) == 0 && AllocateMany(60, 31) &&
                         secalloc_reserve_objects(domain, 200, 32) == 0;
                },
                [] { return AllocateMany(200, 32); }),
            0);
}

TEST(Reserve, SurvivesFreeAndTrim) {
  EXPECT_EQ(Outcome(
                [] {
                  if (secalloc_reserve_objects(domain, 500, 48) != 0) return false;
                  if (secalloc_reserve_objects(domain, 5, 50000) != 0) return false;
                  for (int round = 0; round < 2; ++round) {
                    if (!AllocateMany(500, 48)) return false;
                    for (int i = 0; i < 500; ++i) secalloc_free(objects[i]);
                    if (!AllocateMany(5, 50000)) return false;
                    for (int i = 0; i < 5; ++i) secalloc_free(objects[i]);
                    secalloc_trim();
                  }
                  return true;
                },
                [] { return AllocateMany(500, 48) && AllocateMany(5, 50000); }),
            0);
}

// Whose objects come by way of a thread's cache, refilled more often than a clock is looked at
// elsewhere.
TEST(Reserve, TheStandardDomainsServesThreadsToo) {
  constexpr size_t kCount = 20000;
  EXPECT_EQ(InChild([] {
              memset(objects, 1, sizeof objects);
              if (secalloc_reserve_objects(nullptr, kCount, 31) != 0) return 1;
              secalloc_free(secalloc_malloc(31));
              ForbidSystemCalls();
              for (size_t i = 0; i < kCount; ++i) {
                objects[i] = secalloc_malloc(31);
                if (objects[i] == nullptr) return 2;
              }
              return 0;
            }),
            0);
}

TEST(Reserve, WithoutAReservationTheKernelIsAsked) {
  EXPECT_EQ(Outcome(
                [] { return true; }, [] { return AllocateMany(100, 32); }),
            -SIGSYS);
}

TEST(Reserve, FailsWithNothingHalfDone) {
  secalloc_domain* const small = Create(75 * PageSize());
  struct secalloc_stats before, after;
  secalloc_stats(&before);
  EXPECT_EQ(secalloc_reserve(small, 100 * PageSize()), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(secalloc_reserve_objects(small, 200000, 64), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(secalloc_reserve_objects(small, 100, 50000), -1);
  EXPECT_EQ(errno, EAGAIN);
  ASSERT_NE(secalloc_domain_malloc(small, 64), nullptr);  // Live objects are added.
  secalloc_stats(&before);
  for (const size_t size : {64, 32767, 50000}) {
    for (const size_t count : {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 64}) {
      EXPECT_EQ(secalloc_reserve_objects(small, count, size), -1) << count << " of " << size;
    }
  }
  EXPECT_EQ(secalloc_reserve(small, SIZE_MAX), -1);
  EXPECT_EQ(secalloc_reserve(small, 0), -1);
  EXPECT_EQ(errno, EINVAL);
  secalloc_stats(&after);
  EXPECT_EQ(after.arena_bytes, before.arena_bytes);
  EXPECT_EQ(secalloc_reserve(small, 25 * PageSize()), 0);
  secalloc_domain_destroy(small);
}

// --- Choices ---------------------------------------------------------------------------

// Where the next objects lie in their pages.
using Places = std::array<uintptr_t, 12>;
// Of a child, for its parent.
Places* Shared() {
  static Places* const places = static_cast<Places*>(
      mmap(nullptr, sizeof(Places), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  return places;
}

void Note(Places* places) {
  for (uintptr_t& place : *places) {
    place = reinterpret_cast<uintptr_t>(secalloc_domain_malloc(domain, 64)) % PageSize();
  }
}

Places PlacesInChild(pid_t (*make)(), bool reserves) {
  Places* const places = Shared();
  const auto look = [=] {
    if (reserves) {
      domain = Create(0);
      if (secalloc_reserve_objects(domain, 200, 64) != 0) return 1;
    }
    Note(places);
    return 0;
  };
  EXPECT_EQ(InChild(make, look), 0);
  return *places;
}

TEST(Reserve, TwoProcessesDoNotMakeTheSameChoices) {
  const Places one = PlacesInChild(&fork, true);
  EXPECT_NE(one, PlacesInChild(&fork, true));
}

TEST(Domain, ChildrenDoNotMakeTheSameChoices) {
  domain = Create(0);
  ASSERT_NE(secalloc_domain_malloc(domain, 64), nullptr);
  const Places one = PlacesInChild(&secure_alloc::test::Fork, false);
  EXPECT_NE(one, PlacesInChild(&secure_alloc::test::Fork, false));
  Places own;
  Note(&own);
  EXPECT_NE(one, own);
}

}  // namespace
