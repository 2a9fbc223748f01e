// Forks with secrets: what the child has, and that the parent keeps its own.
#include "allocator/domain/fork.h"

#include <gtest/gtest.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "allocator/heap/standard_heaps.h"
#include "tests/unit/child.h"
#include "tests/unit/domain/wrapped_fork.h"
#include "tests/unit/heap/objects.h"
#include "tests/unit/seed.h"

namespace secure_alloc {
namespace {

using test::kSecret;
using test::Object;

// From the smallest slot to an arena of its own.
constexpr size_t kSizes[] = {1, 31, 100, 1000, 5000, 32767, 40000, 300000, 3 << 20};

std::vector<Object> MakeSecrets() {
  std::vector<Object> secrets;
  for (const size_t size : kSizes) {
    bool was_zero;
    secrets.push_back(test::Make(size, size, kSecret, &was_zero));
    EXPECT_NE(secrets.back().bytes, nullptr);
  }
  return secrets;
}

bool AreIntact(const std::vector<Object>& secrets) {
  for (const Object& secret : secrets) {
    if (!secret.IsIntact()) return false;
  }
  return true;
}

void Free(const std::vector<Object>& secrets) {
  for (const Object& secret : secrets) entry::Free(secret.bytes, kSecret);
}

// What the other threads of the parent held stays allocated in a child.
enum class Charge { kMustGo, kMayStay };

// Everything a child may do with its secrets; 0 if all of it works.
int UseSecrets(std::vector<Object>& secrets, Charge charge = Charge::kMustGo) {
  if (!AreIntact(secrets)) return 1;
  for (Object& secret : secrets) {
    ++secret.number;
    secret.Fill();
  }
  const std::vector<Object> more = MakeSecrets();
  if (!AreIntact(secrets) || !AreIntact(more)) return 2;
  Free(secrets);
  Free(more);
  entry::Trim();
  return charge == Charge::kMayStay || secret_budget.used() == 0 ? 0 : 3;
}

// Hands out the slots that other threads had freed, which must be zero: a fault if not.
void UseFreeSlots() {
  for (size_t size = 16; size <= 1000; size += size / 5 + 1) {
    void* slots[400];
    for (void*& slot : slots) slot = entry::Allocate(size, kSecret);
    for (void* const slot : slots) entry::Free(slot, kSecret);
  }
}

size_t SecretMappings() {
  size_t count = 0;
  char line[512];
  FILE* const maps = fopen("/proc/self/maps", "r");
  while (fgets(line, sizeof line, maps) != nullptr) count += strstr(line, "/secretmem") != nullptr;
  fclose(maps);
  return count;
}

class ForkTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(entry::Start());
    entry::Trim();
    ASSERT_EQ(secret_budget.used(), 0u);
    secrets_ = MakeSecrets();
    if (secret_pages.usage().arenas[size_t(Protection::kSecret)].get() == 0) {
      GTEST_SKIP() << "SKIP: kernel: no memfd_secret(2)";
    }
  }
  void TearDown() override {
    EXPECT_TRUE(AreIntact(secrets_)) << "the parent's secrets changed";
    Free(secrets_);
    entry::Trim();
    EXPECT_EQ(secret_budget.used(), 0u);
  }
  std::vector<Object> secrets_;
};

TEST_F(ForkTest, AChildHasItsOwnCopyOfEverySecret) {
  const pid_t child = test::Fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(UseSecrets(secrets_));
  EXPECT_EQ(test::EndOf(child), 0);
}

TEST_F(ForkTest, TheHandlersAloneGiveIt) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(UseSecrets(secrets_));
  EXPECT_EQ(test::EndOf(child), 0);
}

TEST_F(ForkTest, AGrandchildHasItsOwnToo) {
  const pid_t child = test::Fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::vector<Object> copy = secrets_;
    const pid_t grandchild = test::Fork();
    if (grandchild < 0) _exit(20);
    if (grandchild == 0) _exit(UseSecrets(copy));
    const int end = test::EndOf(grandchild);
    _exit(end != 0 ? 10 + end : UseSecrets(secrets_));
  }
  EXPECT_EQ(test::EndOf(child), 0);
}

TEST_F(ForkTest, AChildOf_ForkFaultsOnTouchingASecret) {
  for (const Object& secret : secrets_) {
    const pid_t child = _Fork();
    ASSERT_GE(child, 0);
    if (child == 0) _exit(*const_cast<volatile unsigned char*>(secret.bytes));
    EXPECT_EQ(test::EndOf(child), -SIGSEGV) << secret.size;
  }
}

TEST_F(ForkTest, WhatIsAllocatedInTheWindowIsCopied) {
  ASSERT_EQ(BeginFork(), 0);
  std::vector<Object> late = MakeSecrets();
  const pid_t child = fork();
  EndFork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(AreIntact(secrets_) && AreIntact(late) ? 0 : 1);
  EXPECT_EQ(test::EndOf(child), 0);
  Free(late);
}

TEST_F(ForkTest, WhatIsFreedInTheWindowIsNotThere) {
  std::vector<Object> freed = MakeSecrets();
  ASSERT_EQ(BeginFork(), 0);
  Free(freed);
  const pid_t child = fork();
  EndFork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(UseSecrets(secrets_));
  EXPECT_EQ(test::EndOf(child), 0);
}

TEST_F(ForkTest, CopiesDoNotStayBehindInTheParent) {
  const size_t before = SecretMappings();
  for (int i = 0; i < 5; ++i) {
    const pid_t child = test::Fork();
    ASSERT_GE(child, 0);
    if (child == 0) _exit(0);
    EXPECT_EQ(test::EndOf(child), 0);
  }
  ASSERT_EQ(BeginFork(), 0);  // As if fork(2) then failed.
  EndFork();
  EXPECT_EQ(SecretMappings(), before);
}

TEST_F(ForkTest, OnlyPagesInUseAreCopied) {
  const size_t before = secret_pages.usage().copied_pages.get();
  const size_t used = secret_pages.usage().used_bytes[size_t(Protection::kSecret)].get();
  const pid_t child = test::Fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(0);
  EXPECT_EQ(test::EndOf(child), 0);
  const size_t copied = secret_pages.usage().copied_pages.get() - before;
  size_t needed = 0;
  for (const size_t size : kSizes) needed += size;
  EXPECT_GE(BytesOf(static_cast<Pages>(copied)), needed);
  EXPECT_LE(BytesOf(static_cast<Pages>(copied)), used);
}

// Some of 4000 objects of 1000 bytes, the rest of their pages given back.
std::vector<Object> MakeSparseSecrets() {
  std::vector<Object> all, kept;
  for (size_t i = 0; i < 4000; ++i) {
    bool was_zero;
    all.push_back(test::Make(1000, i, kSecret, &was_zero));
  }
  for (size_t i = 0; i < all.size(); ++i) {
    if (i % 500 == 0) {
      kept.push_back(all[i]);
    } else {
      entry::Free(all[i].bytes, kSecret);
    }
  }
  entry::Trim();
  return kept;
}

TEST_F(ForkTest, AChildHasWhatIsLeftOfItsParentsArenas) {
  std::vector<Object> sparse = MakeSparseSecrets();
  const size_t used = secret_budget.used();
  EXPECT_LT(used, size_t{5} << 20) << "nothing was given back";
  const pid_t child = test::Fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (secret_budget.used() > used) _exit(21);
    std::vector<Object> more = MakeSparseSecrets();
    const pid_t grandchild = test::Fork();
    if (grandchild < 0) _exit(22);
    if (grandchild == 0) {
      if (!AreIntact(more)) _exit(23);
      Free(more);
      if (!AreIntact(sparse)) _exit(24);
      Free(sparse);
      _exit(UseSecrets(secrets_));
    }
    if (const int end = test::EndOf(grandchild); end != 0) _exit(end);
    Free(more);
    if (!AreIntact(sparse)) _exit(25);
    Free(sparse);
    _exit(UseSecrets(secrets_));
  }
  EXPECT_EQ(test::EndOf(child), 0);
  EXPECT_TRUE(AreIntact(sparse));
  Free(sparse);
}

TEST_F(ForkTest, TheHandlersAloneGiveThatToo) {
  std::vector<Object> sparse = MakeSparseSecrets();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (!AreIntact(sparse)) _exit(25);
    Free(sparse);
    _exit(UseSecrets(secrets_));
  }
  EXPECT_EQ(test::EndOf(child), 0);
  Free(sparse);
}

TEST_F(ForkTest, ChildrenOfAProgramWithThreadsHaveWholeSecrets) {
  const uint64_t seed = test::Seed();
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 3; ++t) {
    threads.emplace_back([&stop, seed, t] {
      test::Random random(seed + t);
      void* objects[128] = {};  // Many: while the copy is made some of them come and go.
      while (!stop) {
        void*& object = objects[random() % 128];
        entry::Free(object, kSecret);
        const size_t size = 1 + random() % (random() % 64 == 0 ? 90000 : 1000);
        object = entry::Allocate(size, kSecret);
        memset(object, 0x77, size);
      }
      for (void* const object : objects) entry::Free(object, kSecret);
    });
  }
  for (int i = 0; i < 15; ++i) {
    const pid_t child = test::Fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const bool intact = AreIntact(secrets_);
      UseFreeSlots();
      _exit(!intact ? 1 : UseSecrets(secrets_, Charge::kMayStay));
    }
    EXPECT_EQ(test::EndOf(child), 0) << "fork " << i;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace secure_alloc
