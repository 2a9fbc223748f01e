// Secrets of all sorts come, are forked with, and go, while system calls fail. What is handed out
// must be what the policy says; what is refused is refused in order; nothing is lost.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/limits/support.h"

namespace secure_alloc::test {
namespace {

constexpr size_t kSizes[] = {8, 100, 700, 4000, 20000, 40000};
constexpr size_t kKinds = 3;  // the standard domain, a created one, ordinary memory
constexpr size_t kObjects = sizeof kSizes / sizeof kSizes[0] * kKinds;
char* objects[kObjects];
int refused = 0;

size_t SizeOf(size_t i) { return kSizes[i / kKinds]; }
char ContentOf(size_t i) { return static_cast<char>('a' + i); }

bool Holds(size_t i, char value) {
  for (size_t at = 0; at < SizeOf(i); ++at) {
    if (objects[i][at] != value) return false;
  }
  return true;
}

void AllocateAll(secalloc_domain* domain) {
  for (size_t i = 0; i < kObjects; ++i) {
    const size_t kind = i % kKinds;
    void* const object = kind == 0 ? secalloc_malloc(SizeOf(i))
                         : kind == 1 && domain != nullptr
                             ? secalloc_domain_malloc(domain, SizeOf(i))
                             : malloc(SizeOf(i));
    objects[i] = static_cast<char*>(object);
    if (object == nullptr) {
      refused += errno == ENOMEM;
      if (errno != ENOMEM) Fact("what is refused is ENOMEM", false);
      continue;
    }
    if (!Holds(i, 0)) Fact("new memory is zero", false);
    if (kind == 0 && ProtectionOf(object) < SECALLOC_LOCKED)
      Fact("a secret is not in plain memory", false);
    memset(object, ContentOf(i), SizeOf(i));
  }
}

bool AllHold() {
  for (size_t i = 0; i < kObjects; ++i) {
    if (objects[i] != nullptr && !Holds(i, ContentOf(i))) return false;
  }
  return true;
}

void FreeAll() {
  for (char* object : objects) free(object);
}

void Fork() {
  const pid_t child = fork();
  if (child == 0) {
    const bool whole = AllHold();
    FreeAll();
    _exit(whole ? 0 : 1);
  }
  if (child < 0) {
    ++refused;
    if (errno != EAGAIN) Fact("a fork that is refused is EAGAIN", false);
    return;
  }
  if (EndOf(child) != 0) Fact("a child has its secrets", false);
}

int RunOnce() {
  struct secalloc_domain_config config = {};
  config.name = "faults";
  secalloc_domain* const domain = secalloc_domain_create(&config);
  refused += domain == nullptr;
  for (int round = 0; round < 2; ++round) {
    AllocateAll(domain);
    Fork();
    if (!AllHold()) Fact("contents are kept", false);
    FreeAll();
  }
  if (domain != nullptr) secalloc_domain_destroy(domain);
  secalloc_trim();
  struct secalloc_stats stats = {};
  Fact("there are statistics", secalloc_stats(&stats) == 0);
  // A guard that can't be undone costs its page.
  Fact("nothing is lost but guard pages",
       stats.secret_used_bytes + stats.locked_used_bytes <= 2 * 4096);
  Fact("nothing is degraded to plain memory", stats.degraded_allocations == 0);
  printf("refused %d\n", refused);
  return Summary();
}

}  // namespace
}  // namespace secure_alloc::test

int main() { return secure_alloc::test::RunOnce(); }
