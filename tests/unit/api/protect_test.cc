// Objects with pages to themselves: guards, placement, windows of access.
#include <errno.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "allocator/os/os.h"
#include "secure_alloc/secure_alloc.h"
#include "tests/unit/child.h"

namespace {

using secure_alloc::os::PageSize;
using secure_alloc::test::InChild;

char* Pages(size_t size, unsigned flags = 0, size_t alignment = 16) {
  return static_cast<char*>(secalloc_domain_alloc_pages(nullptr, alignment, size, flags));
}

// Its end; 0 if it comes to none.
template <typename Act>
int EndOfChild(Act act) {
  return InChild([&] {
    act();
    return 0;
  });
}

TEST(OwnPages, LieBetweenGuards) {
  for (const size_t size : {1, 100, 4000, 4095, 4096, 9000, 50000}) {
    char* const object = Pages(size);
    ASSERT_NE(object, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(object) % PageSize(), 0u);
    char* const behind = object + (size + 1 + PageSize() - 1) / PageSize() * PageSize();
    EXPECT_EQ(EndOfChild([&] { static_cast<volatile char*>(object)[-1] = 1; }), -SIGSEGV) << size;
    EXPECT_EQ(EndOfChild([&] { static_cast<volatile char*>(behind)[0] = 1; }), -SIGSEGV) << size;
    EXPECT_EQ(EndOfChild([&] { memset(object, 1, size); }), 0);
    EXPECT_EQ(secalloc_usable_size(object), size);
    secalloc_free(object);
  }
}

TEST(OwnPages, AtTheEndTheFirstByteBehindFaults) {
  for (const size_t alignment : {1, 16, 64, 4096}) {
    for (const size_t size : {16, 64, 4096, 8192, 12288 + 64}) {
      if (size % alignment != 0) continue;
      char* const object = Pages(size, SECALLOC_AT_END, alignment);
      ASSERT_NE(object, nullptr);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(object) % alignment, 0u);
      EXPECT_EQ(EndOfChild([&] { memset(object, 1, size); }), 0);
      EXPECT_EQ(EndOfChild([&] { static_cast<volatile char*>(object)[size] = 1; }), -SIGSEGV);
      secalloc_info info;
      ASSERT_EQ(secalloc_query(object + size - 1, &info), 0);
      EXPECT_EQ(info.object, object);
      EXPECT_EQ(info.size, size);
      secalloc_free(object);
    }
  }
}

TEST(OwnPages, AtTheEndMayChangeTheirSize) {
  for (const size_t size : {4096, 65536, 65536 - 16}) {
    char* object = Pages(size, SECALLOC_AT_END);
    ASSERT_NE(object, nullptr);
    memset(object, 7, size);
    for (const size_t next : {size / 4 * 3, size, 2 * size}) {
      object = static_cast<char*>(secalloc_realloc(object, next));
      ASSERT_NE(object, nullptr);
      EXPECT_EQ(object[size / 4 * 3 - 1], 7);
      EXPECT_EQ(secalloc_usable_size(object), next);
    }
    secalloc_free(object);
  }
}

TEST(OwnPages, WritesBesideAreSeenAtTheLatestWhenFreed) {
  EXPECT_EQ(EndOfChild([] {
              char* const object = Pages(100, SECALLOC_AT_END);
              object[100] ^= 1;  // The alignment's padding; its value is random.
              secalloc_free(object);
            }),
            -SIGABRT);
  EXPECT_EQ(EndOfChild([] {
              char* const object = Pages(100, SECALLOC_AT_END);
              object[-1] = 1;
              secalloc_free(object);
            }),
            -SIGABRT);
}

TEST(OwnPages, AreReusedWhereverTheObjectLies) {
  for (int round = 0; round < 100; ++round) {
    char* const front = Pages(200);
    secalloc_free(front);
    char* const end = Pages(200, SECALLOC_AT_END);
    for (int i = 0; i < 200; ++i) ASSERT_EQ(end[i], 0);
    memset(end, 1, 200);
    secalloc_free(end);
  }
}

TEST(OwnPages, RefuseWhatTheyDoNotKnow) {
  EXPECT_EQ(Pages(10, 2), nullptr);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(Pages(10, 0, 24), nullptr);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(Pages(10, SECALLOC_AT_END, 8192), nullptr);
  EXPECT_EQ(errno, EINVAL);
}

TEST(Protect, OpensAndCloses) {
  char* const object = Pages(5000);
  strcpy(object, "secret");
  ASSERT_EQ(secalloc_protect(object, PROT_READ), 0);
  EXPECT_STREQ(object, "secret");
  EXPECT_EQ(EndOfChild([&] { object[0] = 1; }), -SIGSEGV);
  ASSERT_EQ(secalloc_protect(object, PROT_NONE), 0);
  EXPECT_EQ(EndOfChild([&] { (void)static_cast<volatile char*>(object)[0]; }), -SIGSEGV);
  EXPECT_EQ(secalloc_usable_size(object), 5000u) << "is known without touching it";
  ASSERT_EQ(secalloc_protect(object, PROT_READ | PROT_WRITE), 0);
  object[0] = 'S';
  EXPECT_STREQ(object, "Secret");
  secalloc_free(object);
}

TEST(Protect, HoldsInAChildWhichHasItsOwnCopy) {
  char* const object = Pages(100);
  strcpy(object, "secret");
  ASSERT_EQ(secalloc_protect(object, PROT_NONE), 0);
  EXPECT_EQ(EndOfChild([&] { (void)static_cast<volatile char*>(object)[0]; }), -SIGSEGV);
  EXPECT_EQ(EndOfChild([&] {
              if (secalloc_protect(object, PROT_READ) != 0 || strcmp(object, "secret") != 0)
                abort();
            }),
            0);
  // ... and the parent's is still closed.
  secalloc_free(object);
}

TEST(Protect, ClosedObjectsCanBeFreedAndMoved) {
  for (const int prot : {PROT_NONE, PROT_READ}) {
    char* object = Pages(100);
    strcpy(object, "secret");
    ASSERT_EQ(secalloc_protect(object, prot), 0);
    object = static_cast<char*>(secalloc_realloc(object, 100000));
    EXPECT_STREQ(object, "secret");
    ASSERT_EQ(secalloc_protect(object, prot), 0);
    object = static_cast<char*>(secalloc_realloc(object, 50));
    EXPECT_STREQ(object, "secret");
    secalloc_free(object);
    object = Pages(100);
    ASSERT_EQ(secalloc_protect(object, prot), 0);
    secalloc_free(object);
    char* const next = Pages(100);
    next[0] = 1;
    secalloc_free(next);
  }
}

TEST(Protect, IsForObjectsWithPagesToThemselves) {
  char* const small = static_cast<char*>(secalloc_malloc(100));
  EXPECT_EQ(secalloc_protect(small, PROT_READ), -1);
  EXPECT_EQ(errno, EINVAL);
  secalloc_free(small);
  int local;
  EXPECT_EQ(secalloc_protect(&local, PROT_READ), -1);
  EXPECT_EQ(errno, EINVAL);
  char* const large = static_cast<char*>(secalloc_malloc(40000));
  EXPECT_EQ(secalloc_protect(large, PROT_EXEC), -1);
  EXPECT_EQ(secalloc_protect(large, PROT_WRITE), -1);
  EXPECT_EQ(secalloc_protect(large, PROT_READ), 0);
  secalloc_free(large);
}

}  // namespace
