// The option `mismatch`: whatever allocates by one form and frees by another ends with the sentence
// for it, in every tier and home; right pairs go on, by any number of threads. Off by default.
//
//   mismatch_test                      all facts
//   mismatch_test MAKER ENDER SIZE     one pair, by their numbers
//   mismatch_test churn                right pairs, many
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <new>
#include <random>

#include "include/secure_alloc/secure_alloc.h"
#include "tests/death/hidden.h"
#include "tests/limits/support.h"

namespace secure_alloc::test {
namespace {

constexpr std::align_val_t kAlignment{64};
constexpr size_t kSizes[] = {0, 8, 4096, 256 << 10};

enum Form { kMalloc, kNew, kNewArray };

struct Maker {
  const char* name;
  Form form;
  void* (*make)(size_t size);
};

struct Ender {
  const char* name;
  Form form;
  void (*end)(void* object, size_t size);
  bool frees = true;  // else the same object goes on, which nothing else would show
};

const Maker kMakers[] = {
    {"malloc", kMalloc, malloc},
    {"calloc", kMalloc, [](size_t n) { return calloc(1, n); }},
    {"realloc", kMalloc, [](size_t n) { return realloc(malloc(3), n + 1); }},
    {"aligned_alloc", kMalloc, [](size_t n) { return aligned_alloc(64, n); }},
    {"secalloc_malloc", kMalloc, secalloc_malloc},
    {"new", kNew, [](size_t n) { return operator new(n); }},
    {"new, nothrow", kNew, [](size_t n) { return operator new(n, std::nothrow); }},
    {"new, aligned", kNew, [](size_t n) { return operator new(n, kAlignment); }},
    {"new[]", kNewArray, [](size_t n) { return operator new[](n); }},
    {"new[], nothrow", kNewArray, [](size_t n) { return operator new[](n, std::nothrow); }},
    {"new[], aligned", kNewArray, [](size_t n) { return operator new[](n, kAlignment); }},
};

const Ender kEnders[] = {
    {"free", kMalloc, [](void* p, size_t) { free(p); }},
    {"realloc", kMalloc, [](void* p, size_t n) { free(realloc(p, 2 * n + 40)); }},
    {"realloc in place", kMalloc, [](void* p, size_t n) { Hidden(realloc(p, n)); }, false},
    {"secalloc_free", kMalloc, [](void* p, size_t) { secalloc_free(p); }},
    {"secalloc_realloc", kMalloc, [](void* p, size_t n) { free(secalloc_realloc(p, 2 * n + 40)); }},
    {"secalloc_realloc in place", kMalloc,
     [](void* p, size_t n) { Hidden(secalloc_realloc(p, n)); }, false},
    {"secalloc_domain_realloc in place", kMalloc,
     [](void* p, size_t n) { Hidden(secalloc_domain_realloc(nullptr, p, n)); }, false},
    {"delete", kNew, [](void* p, size_t) { operator delete(p); }},
    {"delete, sized", kNew, [](void* p, size_t) { operator delete(p, malloc_usable_size(p)); }},
    {"delete, aligned", kNew, [](void* p, size_t) { operator delete(p, kAlignment); }},
    {"delete[]", kNewArray, [](void* p, size_t) { operator delete[](p); }},
    {"delete[], sized", kNewArray,
     [](void* p, size_t) { operator delete[](p, malloc_usable_size(p)); }},
    {"delete[], aligned", kNewArray, [](void* p, size_t) { operator delete[](p, kAlignment); }},
};

constexpr const char* kSentences[] = {
    "mismatch: an object of malloc was freed by delete or delete[]",
    "mismatch: an object of new was freed by free, realloc or delete[]",
    "mismatch: an object of new[] was freed by free, realloc or delete"};

int RunPair(char** arguments) {
  const Maker& maker = kMakers[atoi(arguments[0])];
  const Ender& ender = kEnders[atoi(arguments[1])];
  const size_t size = strtoul(arguments[2], nullptr, 10);
  ender.end(Hidden(maker.make(size)), size);
  return 0;
}

void* Churn(void* seed) {
  std::minstd_rand random(static_cast<unsigned>(reinterpret_cast<uintptr_t>(seed)));
  struct Held {
    void* object = nullptr;
    Form form = kMalloc;
    size_t size = 0;
  } all[64];
  for (int i = 0; i < 30000; ++i) {
    Held& held = all[random() % std::size(all)];
    if (held.object == nullptr) {
      const Maker& maker = kMakers[random() % std::size(kMakers)];
      const size_t size = random() % (i % 64 == 0 ? 300000 : 2000);
      held = {Hidden(maker.make(size)), maker.form, size};
      if (held.object == nullptr) abort();
      continue;
    }
    const Ender* ender = &kEnders[random() % std::size(kEnders)];
    while (ender->form != held.form || !ender->frees) {
      ender = &kEnders[random() % std::size(kEnders)];
    }
    ender->end(held.object, held.size);
    held.object = nullptr;
  }
  return nullptr;
}

int RunChurn() {
  alarm(60);
  pthread_t threads[3];
  for (uintptr_t i = 0; i < std::size(threads); ++i) {
    if (pthread_create(&threads[i], nullptr, Churn, reinterpret_cast<void*>(i + 2)) != 0) return 1;
  }
  Churn(reinterpret_cast<void*>(1));
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
  return 0;
}

// True if every pair of this size ends as the option says.
bool AllPairs(const std::string& options, bool on, size_t size) {
  bool good = true;
  for (size_t m = 0; m < std::size(kMakers); ++m) {
    for (size_t e = 0; e < std::size(kEnders); ++e) {
      const Form made = kMakers[m].form;
      const Outcome outcome =
          Run({"/proc/self/exe", std::to_string(m), std::to_string(e), std::to_string(size)},
              {"SECALLOC_OPTIONS=" + options});
      if (on && made != kEnders[e].form ? outcome.Died(SIGABRT, kSentences[made])
                                        : outcome.exit == 0 && outcome.err.empty()) {
        continue;
      }
      printf("   %s, %s: %s\n", kMakers[m].name, kEnders[e].name, outcome.Describe().c_str());
      good = false;
    }
  }
  return good;
}

int RunAll() {
  for (const char* options : {"mismatch=1", "mismatch=1,scope=all"}) {
    for (const size_t size : kSizes) {
      Fact(std::string(options) + ": mix-ups of " + std::to_string(size) + " bytes end the process",
           AllPairs(options, /*on=*/true, size));
    }
    const Outcome outcome =
        Run({"/proc/self/exe", "churn"}, {std::string("SECALLOC_OPTIONS=") + options});
    Fact(std::string(options) + ": right pairs go on", outcome.exit == 0);
    if (outcome.exit != 0) printf("%s\n", outcome.Describe().c_str());
  }
  Fact("by default mix-ups go on", AllPairs("", /*on=*/false, 8));
  return Summary();
}

}  // namespace
}  // namespace secure_alloc::test

int main(int count, char** arguments) {
  using namespace secure_alloc::test;
  if (count == 4) return RunPair(arguments + 1);
  return count == 2 ? RunChurn() : RunAll();
}
