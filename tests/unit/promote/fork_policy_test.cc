// What a child has of what is promoted, under each policy.
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "allocator/entry/entry.h"
#include "allocator/heap/standard_heaps.h"
#include "tests/unit/child.h"
#include "tests/unit/promote/range.h"

namespace secure_alloc::test {
namespace {

constexpr int kSecret = SECALLOC_MADV_SECRET;

// What the grandchild returns, or 256 minus its signal.
template <typename Body>
int UnderPolicy(const char* options, const Range& range, Body body) {
  return InChild([&] {
    setenv("SECALLOC_OPTIONS", options, 1);
    if (range.Advise(kSecret) != 0) return 50;
    return InChild(body);
  });
}

TEST(ForkPolicy, DenyLeavesTheChildNothing) {
  const Range range(2);
  EXPECT_EQ(
      UnderPolicy("fork=deny", range, [&] { return *static_cast<volatile char*>(range.begin()); }),
      256 - SIGSEGV);
  EXPECT_EQ(UnderPolicy("fork=deny", range, [] { return Stats().promoted_bytes == 0 ? 0 : 1; }), 0);
}

// Objects that came along are gone as secrets are: they can be freed, and the heap goes on.
TEST(ForkPolicy, DenyLeavesTheHeapWhole) {
  EXPECT_EQ(InChild([] {
              setenv("SECALLOC_OPTIONS", "fork=deny", 1);
              if (!entry::Start()) return 50;
              void* objects[100];
              for (void*& object : objects) object = entry::Allocate(100, {0, nullptr});
              if (secalloc_mark(objects[50], kSecret) != 0) return 51;
              return InChild([&] {
                for (void*& object : objects) entry::Free(object, {0, nullptr});
                for (void*& object : objects) object = entry::Allocate(100, {0, nullptr});
                for (void*& object : objects) memset(object, 1, 100);
                for (void*& object : objects) entry::Free(object, {0, nullptr});
                return 0;
              });
            }),
            0);
}

// The place of what the child does not have can't even be reserved then.
TEST(ForkPolicy, DenyWithMoreAddressSpaceInUseThanAllowed) {
  EXPECT_EQ(InChild([] {
              setenv("SECALLOC_OPTIONS", "fork=deny", 1);
              char* objects[100];
              for (char*& object : objects) object = static_cast<char*>(secalloc_malloc(8000));
              struct rlimit old;
              if (getrlimit(RLIMIT_AS, &old) != 0) return 50;
              const struct rlimit little = {1 << 20, old.rlim_max};
              if (setrlimit(RLIMIT_AS, &little) != 0) return 51;
              if (InChild([&] { return *objects[0]; }) != -SIGSEGV) return 52;
              return InChild([&] {
                if (setrlimit(RLIMIT_AS, &old) != 0) return 53;
                for (char* const object : objects) secalloc_free(object);
                for (char*& object : objects) object = static_cast<char*>(secalloc_malloc(8000));
                for (char* const object : objects) memset(object, 1, 8000);
                for (char* const object : objects) secalloc_free(object);
                return 0;
              });
            }),
            0);
}

// Of the ordinary heap. Not inline: GCC warns of the path that a constant does not take.
[[gnu::noinline]] char* Allocate(size_t size) {
  return static_cast<char*>(entry::Allocate(size, {0, nullptr}));
}

// Zero memory takes the place of what is promoted there, without more address space.
TEST(ForkPolicy, DenyOfTheHeapWithMoreAddressSpaceInUseThanAllowed) {
  EXPECT_EQ(InChild([] {
              setenv("SECALLOC_OPTIONS", "fork=deny", 1);
              if (!entry::Start()) return 50;
              char* objects[100];
              for (char*& object : objects) object = Allocate(8000);
              for (char* const object : objects) memset(object, 1, 8000);
              char* const large = Allocate(6 << 20);
              memset(large, 1, 6 << 20);
              for (char* const object : {large, objects[0], objects[50], objects[99]}) {
                if (secalloc_mark(object, kSecret) != 0) return 51;
              }
              struct rlimit old;
              if (getrlimit(RLIMIT_AS, &old) != 0) return 52;
              const struct rlimit little = {1 << 20, old.rlim_max};
              if (setrlimit(RLIMIT_AS, &little) != 0) return 53;
              return InChild([&] {
                if (Stats().promoted_bytes != 0) return 1;
                if (IsSecretToKernel(objects[50]) || objects[50][4000] != 0) return 2;
                if (large[0] != 0 || memcmp(large, large + 1, (6 << 20) - 1) != 0) return 3;
                entry::Free(large, {0, nullptr});
                for (char* const object : objects) entry::Free(object, {0, nullptr});
                for (char*& object : objects) object = Allocate(8000);
                for (char* const object : objects) memset(object, 1, 8000);
                for (char* const object : objects) entry::Free(object, {0, nullptr});
                return 0;
              });
            }),
            0);
}

// What has no contents is no secret, whoever asked for it: the child goes on where its parent was.
TEST(ForkPolicy, DenyKeepsObjectsOfSizeZero) {
  EXPECT_EQ(InChild([] {
              setenv("SECALLOC_OPTIONS", "fork=deny", 1);
              void* const object = secalloc_malloc(0);
              return InChild([&] {
                const size_t used = zero_size_pages.usage().used_bytes[0].get();
                void* const another = secalloc_malloc(0);
                if (zero_size_pages.usage().used_bytes[0].get() != used) return 1;
                secalloc_free(object);
                secalloc_free(another);
                return zero_size_pages.usage().used_bytes[0].get() == used ? 0 : 2;
              });
            }),
            0);
}

// The neighbours are the program's own: two processes can't share them.
TEST(ForkPolicy, ShareCopiesWhatIsPromoted) {
  const Range range(2);
  EXPECT_EQ(InChild([&] {
              setenv("SECALLOC_OPTIONS", "fork=share", 1);
              if (range.Advise(kSecret) != 0) return 50;
              const int child = InChild([&] {
                if (!range.IsIntact() || !IsSecret(range.begin())) return 1;
                *range.begin() ^= 1;
                return 0;
              });
              return child != 0 ? child : range.IsIntact() ? 0 : 51;
            }),
            0);
}

}  // namespace
}  // namespace secure_alloc::test
