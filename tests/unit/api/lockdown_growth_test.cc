// secalloc_lockdown(SECALLOC_LOCKDOWN_GROWTH): what can be had afterwards, and by no system call.
#include <errno.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "allocator/entry/entry.h"
#include "tests/unit/api/lockdown.h"
#include "tests/unit/api/sandbox.h"
#include "tests/unit/child.h"
#include "tests/unit/domain/wrapped_fork.h"

namespace {

using secure_alloc::test::Create;
using secure_alloc::test::ForbidSystemCalls;
using secure_alloc::test::InChild;
using secure_alloc::test::Refused;

TEST(LockdownGrowth, EndsWithoutASystemCall) {
  EXPECT_EQ(InChild([] {
              secalloc_domain* const domain = Create();
              if (secalloc_reserve_objects(domain, 1000, 100) != 0) return 1;
              if (secalloc_reserve_objects(domain, 3, 50000) != 0) return 2;
              if (secalloc_lockdown(SECALLOC_LOCKDOWN_GROWTH) != 0) return 3;
              ForbidSystemCalls();
              for (int round = 0; round < 3; ++round) {
                void* objects[1003];
                for (int i = 0; i < 1003; ++i) {
                  objects[i] = secalloc_domain_malloc(domain, i < 1000 ? 100 : 50000);
                  if (objects[i] == nullptr) return 4;
                }
                for (void* object : objects) secalloc_free(object);
              }
              // To the end, of every size, large ones that no guard can be had for too.
              for (size_t size : {31u, 1000u, 20000u, 40000u, 100000u, 3u << 20}) {
                errno = 0;
                while (secalloc_domain_malloc(domain, size) != nullptr) errno = 0;
                if (errno != ENOMEM) return 5;
              }
              return 0;
            }),
            0);
}

TEST(LockdownGrowth, IsRefusedToTheStandardDomainToo) {
  EXPECT_EQ(InChild([] {
              secalloc_free(secalloc_malloc(100));  // The thread's caches.
              if (secalloc_reserve_objects(nullptr, 200, 100) != 0) return 1;
              if (secalloc_lockdown(SECALLOC_LOCKDOWN_GROWTH) != 0) return 2;
              ForbidSystemCalls();
              int served = 0;
              while (secalloc_malloc(100) != nullptr) ++served;
              return errno == ENOMEM && served >= 200 ? 0 : 3;
            }),
            0);
}

// Before the first secret there is nothing: that, too, is found without a system call.
TEST(LockdownGrowth, MayEndBeforeItBegan) {
  EXPECT_EQ(InChild([] {
              const secure_alloc::entry::Call ordinary = {0, nullptr};  // The thread's caches.
              secure_alloc::entry::Free(secure_alloc::entry::Allocate(100, ordinary), ordinary);
              if (secalloc_lockdown(SECALLOC_LOCKDOWN_GROWTH) != 0) return 1;
              ForbidSystemCalls();
              for (const size_t size : {100, 60000, 3 << 20}) {
                errno = 0;
                if (secalloc_malloc(size) != nullptr || errno != ENOMEM) return 2;
              }
              return 0;
            }),
            0);
}

bool AllocateAll(secalloc_domain* domain, void* (&objects)[200]) {
  for (size_t i = 0; i < 200; ++i) {
    // In slabs, between guards, and in an arena of its own.
    const size_t size = i == 0 ? 3 << 20 : i < 10 ? 60000 : 8000;
    objects[i] = secalloc_domain_malloc(domain, size);
    if (objects[i] == nullptr) return false;
  }
  return true;
}

// Nothing that is freed is given back, or lost behind what can't be had any more.
TEST(LockdownGrowth, KeepsWhatIsFreed) {
  for (const bool is_created : {false, true}) {
    EXPECT_EQ(InChild([&] {
                secalloc_domain* const domain = is_created ? Create() : nullptr;
                void* objects[200];
                if (!AllocateAll(domain, objects)) return 1;
                secalloc_free(objects[7]);  // Some wait for reuse already.
                secalloc_free(objects[8]);
                objects[7] = objects[8] = nullptr;
                if (secalloc_lockdown(SECALLOC_LOCKDOWN_GROWTH) != 0) return 2;
                ForbidSystemCalls();
                if (secalloc_trim() != 0) return 9;
                for (int round = 0; round < 3; ++round) {
                  for (void* const object : objects) secalloc_free(object);
                  if (!AllocateAll(domain, objects)) return 3 + round;
                }
                return 0;
              }),
              0);
  }
}

// Arenas that are wholly free keep what is known of their addresses.
TEST(LockdownGrowth, KeepsLongRuns) {
  EXPECT_EQ(InChild([] {
              secalloc_domain* const domain = Create();
              static void* objects[5000];
              for (void*& object : objects) object = secalloc_domain_malloc(domain, 1000);
              if (secalloc_lockdown(SECALLOC_LOCKDOWN_GROWTH) != 0) return 1;
              ForbidSystemCalls();
              for (void* const object : objects) secalloc_free(object);
              return 0;
            }),
            0);
}

TEST(LockdownGrowth, LeavesNothingForAChildsCopy) {
  EXPECT_EQ(InChild([] {
              void* const object = secalloc_malloc(100);
              if (object == nullptr || secalloc_lockdown(SECALLOC_LOCKDOWN_GROWTH) != 0) return 1;
              const pid_t child = secure_alloc::test::Fork();
              if (child == 0) _exit(0);
              return child == -1 ? 0 : 2;
            }),
            0);
}

// Others never had guards: they come and go, and no clock is asked how long they waited.
TEST(LockdownGrowth, AsksNoClock) {
  EXPECT_EQ(InChild([] {
              void* objects[3000];
              for (void*& object : objects) object = secalloc_malloc(1000);
              for (void* const object : objects) secalloc_free(object);
              if (secalloc_lockdown(SECALLOC_LOCKDOWN_GROWTH) != 0) return 1;
              ForbidSystemCalls();
              for (int round = 0; round < 100; ++round) {
                void* const large = secalloc_malloc(50000);
                if (large == nullptr) return 2;
                secalloc_free(large);
                for (void*& object : objects) object = secalloc_malloc(1000);
                for (void* const object : objects) secalloc_free(object);
              }
              return 0;
            }),
            0);
}

TEST(LockdownGrowth, RefusesWhatNeedsArenas) {
  EXPECT_EQ(InChild([] {
              secalloc_domain* const domain = Create();
              if (secalloc_lockdown(SECALLOC_LOCKDOWN_GROWTH) != 0) return 1;
              if (!Refused(EPERM, [&] { return secalloc_reserve(domain, 1000); })) return 2;
              if (!Refused(EPERM, [&] { return secalloc_reserve_objects(domain, 1, 9); })) {
                return 3;
              }
              if (!Refused(EPERM, [] { return secalloc_mark(malloc(10), SECALLOC_MADV_SECRET); })) {
                return 5;
              }
              return Create() == nullptr && errno == EPERM ? 0 : 4;
            }),
            0);
}

}  // namespace
