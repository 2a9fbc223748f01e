// Objects of size zero, by each function that allocates and at each alignment: an access faults, a
// second free is told of, and all else that is done with objects goes on.
//
//   zero_size_test                             all facts
//   zero_size_test MAKER ALIGNMENT ACT         one misuse, by the numbers of maker and act
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <new>

#include "tests/death/created_domain.h"
#include "tests/death/hidden.h"
#include "tests/limits/support.h"

// C23.
extern "C" void free_sized(void* ptr, size_t size);
extern "C" void free_aligned_sized(void* ptr, size_t alignment, size_t size);

namespace secure_alloc::test {
namespace {

struct Maker {
  const char* name;
  void* (*make)(size_t alignment);
};

const Maker kMakers[] = {
    {"aligned_alloc", [](size_t a) { return aligned_alloc(a, 0); }},
    {"memalign", [](size_t a) { return memalign(a, 0); }},
    {"posix_memalign",
     [](size_t a) {
       void* object = nullptr;
       return posix_memalign(&object, a, 0) == 0 ? object : nullptr;
     }},
    {"operator new", [](size_t a) { return operator new(0, std::align_val_t{a}); }},
    {"operator new[], nothrow",
     [](size_t a) { return operator new[](0, std::align_val_t{a}, std::nothrow); }},
    {"secalloc_aligned_alloc", [](size_t a) { return secalloc_aligned_alloc(a, 0); }},
    {"secalloc_domain_aligned_alloc",
     [](size_t a) { return secalloc_domain_aligned_alloc(CreatedDomain(), a, 0); }},
    {"secalloc_domain_alloc_pages",
     [](size_t a) { return secalloc_domain_alloc_pages(CreatedDomain(), a, 0, 0); }},
};

constexpr size_t kAlignments[] = {16, 32, 64, 4096, 64 << 10, 2 << 20, 4 << 20, 1 << 30};

// Such an object has address space to itself that goes back at once.
constexpr size_t kAlone = 4 << 20;

char* Make(const Maker& maker, size_t alignment) { return Hidden(maker.make(alignment)); }

// --- Misuse, each in a process of its own ------------------------------------------

struct Act {
  const char* name;
  int signal;
  const char* sentence;  // null: none
  bool (*applies)(size_t alignment);
  void (*act)(const Maker&, size_t alignment);
};

bool Always(size_t) { return true; }

const Act kActs[] = {
    {"is read", SIGSEGV, nullptr, Always,
     [](const Maker& maker, size_t a) { exit(*Make(maker, a)); }},
    {"is written to", SIGSEGV, nullptr, Always,
     [](const Maker& maker, size_t a) { *Make(maker, a) = 1; }},
    {"is freed twice", SIGABRT, "double free", [](size_t a) { return a < kAlone; },
     [](const Maker& maker, size_t a) {
       char* const object = Make(maker, a);
       free(object);
       free(Hidden(object));
     }},
    {"is freed twice, alone", SIGABRT, "invalid free: not the start of an allocated object",
     [](size_t a) { return a >= kAlone; },
     [](const Maker& maker, size_t a) {
       char* const object = Make(maker, a);
       free(object);
       free(Hidden(object));
     }},
    {"is freed inside", SIGABRT, "invalid free: not the start of an allocated object", Always,
     [](const Maker& maker, size_t a) { free(Make(maker, a) + 16); }},
    {"is freed as one byte", SIGABRT, "wrong size", Always,
     [](const Maker& maker, size_t a) { free_sized(Make(maker, a), 1); }},
};

int RunAct(char** arguments) {
  alarm(20);
  kActs[atoi(arguments[2])].act(kMakers[atoi(arguments[0])], strtoul(arguments[1], nullptr, 10));
  return 0;
}

bool EndsAsItMust(const char* maker, size_t alignment, size_t act) {
  const Outcome outcome =
      Run({"/proc/self/exe", maker, std::to_string(alignment), std::to_string(act)});
  const Act& one = kActs[act];
  const bool good = one.sentence != nullptr ? outcome.Died(one.signal, one.sentence)
                                            : outcome.signal == one.signal && outcome.err.empty();
  if (!good) printf("   aligned to %zu: %s\n", alignment, outcome.Describe().c_str());
  return good;
}

// --- What goes on ------------------------------------------------------------------

// The kernel tells, without a fault, whether the byte can be read and written.
bool IsAccessible(char* byte) {
  static int ends[2];
  if (ends[1] == 0 && pipe(ends) != 0) abort();
  if (write(ends[1], byte, 1) == 1) return true;
  if (write(ends[1], "x", 1) != 1) abort();
  if (read(ends[0], byte, 1) == 1) return true;
  char rest;
  return read(ends[0], &rest, 1) != 1;
}

bool IsAsItMust(char* object, size_t alignment) {
  struct secalloc_info info;
  return object != nullptr && reinterpret_cast<uintptr_t>(object) % alignment == 0 &&
         !IsAccessible(object) && malloc_usable_size(object) == 0 &&
         secalloc_query(object, &info) == 0 && info.live == 1 && info.object == object &&
         info.size == 0 && info.access == PROT_NONE && secalloc_protect(object, PROT_READ) == -1 &&
         errno == EINVAL && !IsAccessible(object);
}

bool MovesAndGoes(const Maker& maker, size_t alignment) {
  char* const moved = Hidden(realloc(Make(maker, alignment), 100));
  memset(moved, 1, 100);
  free(moved);
  free_sized(Make(maker, alignment), 0);
  free_aligned_sized(Make(maker, alignment), alignment, 0);
  secalloc_free(Make(maker, alignment));
  return realloc(Make(maker, alignment), 0) == nullptr;
}

bool FreedIsNotNext(const Maker& maker, size_t alignment) {
  for (int i = 0; i < 64; ++i) {
    char* const object = Make(maker, alignment);
    free(object);
    char* const next = Make(maker, alignment);
    free(next);
    if (next == object) return false;
  }
  return true;
}

// As many as are some slabs, or arenas where these are no larger.
bool ManyAreApart(const Maker& maker, size_t alignment) {
  const size_t count = alignment < 2 << 20 ? 1500 : 3;
  char* all[1500];
  for (int round = 0; round < 3; ++round) {
    std::generate_n(all, count, [&] { return Make(maker, alignment); });
    std::sort(all, all + count);
    for (size_t i = 0; i < count; ++i) {
      if (!IsAsItMust(all[i], alignment) || (i > 0 && all[i] == all[i - 1])) return false;
    }
    std::for_each(all, all + count, free);
  }
  return true;
}

bool Works(const Maker& maker, size_t alignment) {
  return ManyAreApart(maker, alignment) && MovesAndGoes(maker, alignment) &&
         (alignment >= kAlone || FreedIsNotNext(maker, alignment));
}

int RunAll() {
  for (size_t number = 0; number < std::size(kMakers); ++number) {
    const Maker& maker = kMakers[number];
    for (size_t act = 0; act < std::size(kActs); ++act) {
      bool good = true;
      for (const size_t alignment : kAlignments) {
        if (!kActs[act].applies(alignment)) continue;
        good &= EndsAsItMust(std::to_string(number).c_str(), alignment, act);
      }
      Fact(std::string("ends the process: what ") + maker.name + " gave " + kActs[act].name, good);
    }
    bool good = true;
    for (const size_t alignment : kAlignments) good &= Works(maker, alignment);
    Fact(std::string("goes on: what ") + maker.name + " gave", good);
  }
  errno = 0;
  Fact("an alignment beyond all address space is ENOMEM",
       Hidden(aligned_alloc(size_t{1} << 62, 0)) == nullptr && errno == ENOMEM);
  errno = 0;
  Fact("no power of two is EINVAL",
       Hidden(secalloc_domain_alloc_pages(nullptr, 24, 0, 0)) == nullptr && errno == EINVAL);
  return Summary();
}

}  // namespace
}  // namespace secure_alloc::test

int main(int count, char** arguments) {
  using namespace secure_alloc::test;
  return count == 4 ? RunAct(arguments + 1) : RunAll();
}
