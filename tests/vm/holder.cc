// Puts a needle into memory of some kind and then waits or ends, for kcore_scan to look for it.
//
//   holder KIND NAME END
//   holder masked NAME      the needle as kcore_scan's input has it
//
//   KIND  malloc, mlock     the C library's, or whatever is preloaded; locked and undumped
//         secret, freed     secalloc_malloc's, small and large objects; freed again
//         forked            secret, in a child that was forked after it was written
//         promoted          malloc's, then made secret by secalloc_madvise
//         promoted_in_part  the same after a fork: the child has the old pages, until the end
//   END   exit or _exit, when standard input ends
//
// Linked to nothing of ours: it finds the API, like any program under the preload, by dlsym(3).
// Prints "holding PROTECTION" when the needle was written, and freed if it is to be; "skipped: no
// NAME" and exit status 3 if the library hasn't the function.
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "include/secure_alloc/secure_alloc.h"
#include "tests/vm/needle.h"

namespace secure_alloc::test {
namespace {

constexpr size_t kPageBytes = 4096;
// Of an ended process so much that those who run after it don't use all of it again.
constexpr size_t kMuch = 4 << 20;
constexpr size_t kLarge = 1 << 20;
// Secrets in slabs, in large objects that wait for reuse, and in one that goes back to the kernel.
struct {
  size_t count, size;
} constexpr kSecrets[] = {{100, kNeedleBytes}, {10, 20000}, {1, kLarge}};
constexpr int kAdviceSecret = SECALLOC_MADV_SECRET, kUnshared = SECALLOC_UNSHARED;

[[noreturn]] void Die(const char* what) {
  fprintf(stderr, "holder: %s: %s\n", what, strerror(errno));
  exit(1);
}

template <typename Function>
Function* Find(const char* name) {
  void* const symbol = dlsym(RTLD_DEFAULT, name);
  if (symbol == nullptr) {
    printf("skipped: no %s\n", name);
    exit(3);
  }
  return reinterpret_cast<Function*>(symbol);
}

void Write(void* memory, size_t size, const char* name) {
  volatile uint64_t* const words = static_cast<uint64_t*>(memory);
  for (size_t i = 0; i < size / sizeof *words; ++i) words[i] = NeedleWord(name, i % kNeedleWords);
}

void* Written(void* memory, size_t size, const char* name) {
  if (memory == nullptr || memory == MAP_FAILED) Die("allocation");
  Write(memory, size, name);
  return memory;
}

const char* ProtectionOf(const void* address) {
  constexpr const char* kNames[] = {"plain", "locked", "secret"};
  void* const query = dlsym(RTLD_DEFAULT, "secalloc_query");
  struct secalloc_info info;
  if (query == nullptr) return "plain";  // Nothing of ours is loaded.
  if (reinterpret_cast<decltype(&secalloc_query)>(query)(address, &info) != 0)
    Die("secalloc_query");
  return kNames[info.protection];
}

const char* MakeLocked(const char* name) {
  void* const memory =
      mmap(nullptr, kLarge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || mlock(memory, kLarge) != 0) Die("mlock");
  if (madvise(memory, kLarge, MADV_DONTDUMP) != 0) Die("MADV_DONTDUMP");
  return ProtectionOf(Written(memory, kLarge, name));
}

const char* MakeSecret(const char* name, bool freed) {
  const auto allocate = Find<decltype(secalloc_malloc)>("secalloc_malloc");
  std::vector<void*> objects;
  for (const auto& kind : kSecrets) {
    for (size_t i = 0; i < kind.count; ++i) {
      objects.push_back(Written(allocate(kind.size), kind.size, name));
    }
  }
  const char* const protection = ProtectionOf(objects.back());
  if (freed) {
    for (void* const object : objects) free(object);  // free(3): the preload takes them.
  }
  return protection;
}

void End(const char* end);

const char* MakePromoted(const char* name, bool with_child) {
  const auto advise = Find<int(void*, size_t, int)>("secalloc_madvise");
  void* memory = nullptr;
  if (posix_memalign(&memory, kPageBytes, kLarge) != 0) Die("posix_memalign");
  Write(memory, kLarge, name);
  const pid_t child = with_child ? fork() : -1;
  if (child == 0) End("_exit");
  if (with_child && (child < 0 || advise(memory, kLarge, kAdviceSecret | kUnshared) == 0 ||
                     errno != EBUSY)) {
    Die("secalloc_madvise with a child");
  }
  if (advise(memory, kLarge, kAdviceSecret) != 0) Die("secalloc_madvise");
  return ProtectionOf(memory);
}

// Returns the protection it had when it was written.
const char* Make(const char* kind, const char* name) {
  if (strcmp(kind, "malloc") == 0) return ProtectionOf(Written(malloc(kMuch), kMuch, name));
  if (strcmp(kind, "mlock") == 0) return MakeLocked(name);
  if (strcmp(kind, "secret") == 0) return MakeSecret(name, false);
  if (strcmp(kind, "forked") == 0) return MakeSecret(name, false);
  if (strcmp(kind, "freed") == 0) return MakeSecret(name, true);
  if (strcmp(kind, "promoted") == 0) return MakePromoted(name, false);
  if (strcmp(kind, "promoted_in_part") == 0) return MakePromoted(name, true);
  fprintf(stderr, "holder: no kind '%s'\n", kind);
  exit(2);
}

void End(const char* end) {
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  if (strcmp(end, "_exit") == 0) _exit(0);
}

// True in the child; the parent waits for it, and has its needle too.
bool InChild() {
  const pid_t child = fork();
  if (child < 0) Die("fork");
  return child == 0 || waitpid(child, nullptr, 0) < 0;
}

void PrintMasked(const char* name) {
  printf("%s ", name);
  for (size_t i = 0; i < kNeedleBytes; ++i) {
    const uint64_t word = NeedleWord(name, i / 8) ^ (kNeedleMask * 0x0101010101010101ull);
    printf("%02x", static_cast<unsigned>(word >> (8 * (i % 8)) & 0xFF));
  }
  printf("\n");
}

}  // namespace
}  // namespace secure_alloc::test

int main(int count, char** arguments) {
  using namespace secure_alloc::test;
  setvbuf(stdout, nullptr, _IOLBF, 0);
  if (count == 3 && strcmp(arguments[1], "masked") == 0) {
    PrintMasked(arguments[2]);
    return 0;
  }
  if (count != 4) {
    fprintf(stderr, "usage: holder KIND NAME END\n");
    return 2;
  }
  const char* const protection = Make(arguments[1], arguments[2]);
  if (strcmp(arguments[1], "forked") == 0 && !InChild()) return 0;
  printf("holding %s\n", protection);
  End(arguments[3]);
}
