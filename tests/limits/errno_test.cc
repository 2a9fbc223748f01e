// errno is kept by free and by every success, also where the kernel had to be asked, or
// refused and something else did.
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <initializer_list>

#include "tests/limits/support.h"

using namespace secure_alloc::test;

namespace {

constexpr int kMark = EDOM;

// Calls it, then: still the same errno?
template <typename Call>
bool Keeps(Call call) {
  errno = kMark;
  call();
  return errno == kMark;
}

constexpr size_t kTooMuch = size_t{900} << 30;  // Less than the heap's address space.

constexpr size_t kSizes[] = {0, 1, 24, 1000, 5000, 100000, 1 << 20, 100 << 20};

template <typename Allocate>
bool KeepsForAllSizes(Allocate allocate) {
  bool keeps = true;
  for (const size_t size : kSizes) {
    void* object = nullptr;
    keeps = Keeps([&] { object = allocate(size); }) && object != nullptr && keeps;
    keeps = Keeps([&] { free(object); }) && keeps;
  }
  return keeps;
}

void FactsOfSuccess() {
  Fact("the first secret and its free", KeepsForAllSizes(secalloc_malloc));
  Fact("malloc and free", KeepsForAllSizes([](size_t n) { return malloc(n); }));
  Fact("calloc", KeepsForAllSizes([](size_t n) { return calloc(1, n); }));
  Fact("realloc of an object",
       KeepsForAllSizes([](size_t n) { return realloc(malloc(40), n + 1); }));
  Fact("aligned_alloc", KeepsForAllSizes([](size_t n) { return aligned_alloc(4096, n); }));
  Fact("secalloc_aligned_alloc",
       KeepsForAllSizes([](size_t n) { return secalloc_aligned_alloc(64, n); }));
  Fact("free(NULL)", Keeps([] { free(nullptr); }));
  void* const object = malloc(100);
  Fact("malloc_usable_size", Keeps([&] { (void)malloc_usable_size(object); }));
  struct secalloc_info info;
  Fact("secalloc_query", Keeps([&] { (void)secalloc_query(object, &info); }));
  Fact("malloc_trim", Keeps([] { malloc_trim(0); }));
  free(object);
}

void FactsOfFailure() {
  errno = 0;
  Fact("malloc of an impossible size says ENOMEM",
       malloc(size_t{1} << 62) == nullptr && errno == ENOMEM);
  Fact("... of more than the machine has, too",
       malloc(kTooMuch) == nullptr && errno == ENOMEM);
  void* object = malloc(100000);
  errno = 0;
  Fact("... and realloc", realloc(object, kTooMuch) == nullptr && errno == ENOMEM);
  free(object);
  object = &object;
  int result = 0;
  Fact("posix_memalign returns its error and keeps errno",
       Keeps([&] { result = posix_memalign(&object, 64, size_t{1} << 62); }) && result == ENOMEM);
  Fact("... and its result argument", object == &object);
  Fact("posix_memalign of an odd alignment is EINVAL",
       Keeps([&] { result = posix_memalign(&object, 24, 100); }) && result == EINVAL);
  object = memalign(24, 100);
  Fact("memalign rounds it up", object != nullptr && reinterpret_cast<uintptr_t>(object) % 32 == 0);
  free(object);
  object = memalign(0, 100);
  Fact("... and takes 0 for none", object != nullptr);
  free(object);
}

// Last: no descriptor can be made any more, and descriptor 2 gets the line.
void FactsOfFallback() {
  const struct rlimit none = {0, 0};
  Fact("no descriptor can be had any more", setrlimit(RLIMIT_NOFILE, &none) == 0);
  void* object = nullptr;
  Fact("a secret from the locked fallback", Keeps([&] { object = secalloc_malloc(3 << 20); }) &&
                                                ProtectionOf(object) == SECALLOC_LOCKED);
  Fact("... and its free", Keeps([&] { free(object); }));
}

}  // namespace

int main() {
  FactsOfSuccess();
  FactsOfFailure();
  FactsOfFallback();
  return Summary();
}
