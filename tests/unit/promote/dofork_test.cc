// A program that undoes MADV_DONTFORK on secret pages, as libraries for RDMA do where they end a
// registration: its children have what the policy says, and the pages are nobody's but its own.
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <iterator>

#include "allocator/entry/entry.h"
#include "allocator/os/live.h"
#include "tests/unit/child.h"
#include "tests/unit/domain/wrapped_fork.h"
#include "tests/unit/promote/range.h"

namespace secure_alloc::test {
namespace {

constexpr int kSkipped = 77;

struct Case {
  bool denied;
  bool sealed;
  pid_t (*make)();
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << (c.denied ? "deny" : "copy") << (c.sealed ? ", sealed" : "")
       << (c.make == fork ? ", by the handlers alone" : "");
}

void LetChildrenHaveSecrets() {
  os::MappingReader reader;
  os::Mapping mapping;
  while (reader.Next(&mapping)) {
    void* const begin = reinterpret_cast<void*>(mapping.begin);
    if (mapping.secret && madvise(begin, mapping.end - mapping.begin, MADV_DOFORK) != 0) abort();
  }
}

// Secrets of all sorts, each with a 'p' in front; and an arena that nothing is in.
struct Secrets {
  Secrets() : promoted(3) {
    void* idle[64];
    for (void*& object : idle) object = secalloc_malloc(8000);
    for (void* const object : idle) secalloc_free(object);
    char* const in_heap = static_cast<char*>(entry::Allocate(70000, {0, nullptr}));
    if (secalloc_mark(in_heap, SECALLOC_MADV_SECRET) != 0) abort();
    if (promoted.Advise(SECALLOC_MADV_SECRET) != 0) abort();
    all[0] = static_cast<char*>(secalloc_malloc(100));
    all[1] = static_cast<char*>(secalloc_malloc(60000));
    all[2] = static_cast<char*>(secalloc_malloc(3 << 20));  // In an arena of its own.
    all[3] = promoted.begin();
    all[4] = in_heap;
    SetAll('p');
  }
  ~Secrets() { promoted.Disown(); }  // It may be sealed.

  // 0, or kSkipped.
  int Seal() {
    constexpr long kMseal = 462;
    if (secalloc_lockdown(SECALLOC_LOCKDOWN_MAPS) != 0) return kSkipped;
    return static_cast<int>(syscall(kMseal, promoted.begin(), promoted.bytes(), 0));
  }
  void SetAll(char value) const {
    for (char* const secret : all) secret[0] = value;
  }
  bool AreAll(char value) const {
    for (const char* const secret : all) {
      if (secret[0] != value) return false;
    }
    return true;
  }

  Range promoted;
  char* all[5];
};

int CheckCopies(const Secrets& secrets, const Case& c) {
  const int child = InChild(c.make, [&] {
    if (!secrets.AreAll('p')) return 1;
    secrets.SetAll('c');
    for (const char* const secret : secrets.all) {
      if (!IsSecretToKernel(secret)) return 2;
    }
    // What it has it keeps for itself, too.
    return InChild(c.make, [&] { return secrets.AreAll('c') ? 0 : 3; });
  });
  if (child != 0) return child;
  return secrets.AreAll('p') ? 0 : 4;
}

int CheckDenied(const Secrets& secrets, const Case& c) {
  for (const char* const secret : secrets.all) {
    const int end = InChild(c.make, [&] { return *static_cast<const volatile char*>(secret); });
    // Promoted pages of a heap that the child has are zero there.
    if (end != (secret == secrets.all[4] ? 0 : -SIGSEGV)) return 10;
  }
  return InChild(c.make, [] { return secalloc_malloc(100) != nullptr ? 0 : 11; });
}

class DoFork : public testing::TestWithParam<Case> {};

TEST_P(DoFork, GivesNoChildTheParentsPages) {
  const Case c = GetParam();
  const int result = InChild([&] {
    setenv("SECALLOC_OPTIONS", c.denied ? "fork=deny" : "fork=copy", 1);
    Secrets secrets;
    if (c.sealed && secrets.Seal() != 0) return kSkipped;
    LetChildrenHaveSecrets();
    const int first = c.denied ? CheckDenied(secrets, c) : CheckCopies(secrets, c);
    return first != 0 ? first : InChild(c.make, [] { return 0; });
  });
  if (result == kSkipped) GTEST_SKIP() << "SKIP: kernel: no mseal(2) before Linux 6.10";
  EXPECT_EQ(result, 0);
}

constexpr Case kCases[] = {{false, false, Fork}, {false, false, fork}, {false, true, Fork},
                           {false, true, fork},  {true, false, Fork},  {true, true, Fork}};
INSTANTIATE_TEST_SUITE_P(Policies, DoFork, testing::ValuesIn(kCases));

}  // namespace
}  // namespace secure_alloc::test
