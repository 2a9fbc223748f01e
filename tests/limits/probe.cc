// Does what its arguments say, in order, and prints what came of it: the program that
// the shell tests run within limits.
//
//   secret SIZE COUNT   allocates; "secret SIZE: N of COUNT, PROTECTION [ERRNO]"
//   free                frees all of that
//   intact              ends with status 1 if any of that, a forked parent's too, has changed
//   fork COMMANDS...    the rest in a forked child; "fork: exit STATUS" or "fork: ERRNO"
//   forks N COMMANDS... the same N times, one after the other
//   forkpty COMMANDS... the same by forkpty(3), which does not come by our fork(3)
//   lock MIB            maps and locks memory of the program's own
//   fill-descriptors    opens files until there is no descriptor left
//   replace-2 FILE      closes descriptor 2 and opens FILE in its place
//   mlockall FLAGS      current, future or both; "mlockall: ok" or "mlockall: ERRNO"
//   fill SIZE           allocates ordinary memory until there is no more, and frees it; "fill SIZE:
//                       MIB"
//   exchange SIZE COUNT OTHER  allocates so until there is no more, frees COUNT, and does `malloc
//                       OTHER` before it frees the rest
//   malloc SIZE         "malloc SIZE: ok" or "malloc SIZE: ERRNO"; freed at once
//   whole SIZE          "whole SIZE: GIB", of the mappings without a gap round such an object
//   churn               allocates and frees ordinary memory of many sizes; "churn: N refused"
//   status FIELD        "FIELD KIB" of /proc/self/status
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/limits/support.h"

namespace secure_alloc::test {
namespace {

// No containers here: some tests leave no memory at all.
constexpr size_t kMostSecrets = 40000;
constexpr char kContent = 0x5A;
struct Secret {
  char* bytes;
  size_t size;
} secrets[kMostSecrets];
size_t secret_count = 0;

void AllocateSecrets(size_t size, size_t count) {
  const char* const kNames[] = {"plain", "locked", "secret"};
  size_t done = 0;
  int weakest = 2, error = 0;
  while (done < count && secret_count < kMostSecrets) {
    char* const object = static_cast<char*>(secalloc_malloc(size));
    if (object == nullptr) {
      error = errno;
      break;
    }
    memset(object, kContent, size);
    const int protection = ProtectionOf(object);
    if (protection < weakest) weakest = protection;
    secrets[secret_count++] = {object, size};
    ++done;
  }
  printf("secret %zu: %zu of %zu, %s%s%s\n", size, done, count,
         done == 0     ? "none"
         : weakest < 0 ? "unknown"
                       : kNames[weakest],
         error != 0 ? " " : "", error != 0 ? strerrorname_np(error) : "");
}

void FreeSecrets() {
  while (secret_count > 0) free(secrets[--secret_count].bytes);
}

bool AllIntact() {
  for (size_t i = 0; i < secret_count; ++i) {
    for (size_t at = 0; at < secrets[i].size; ++at) {
      if (secrets[i].bytes[at] != kContent) return false;
    }
  }
  return true;
}

void FillDescriptors() {
  while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0) {
  }
  printf("descriptors: %s\n", strerrorname_np(errno));
}

bool Replace2(const char* file) {
  close(2);
  return open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600) == 2;
}

void LockAll(const char* flags) {
  const int bits = strcmp(flags, "current") == 0  ? MCL_CURRENT
                   : strcmp(flags, "future") == 0 ? MCL_FUTURE
                                                  : MCL_CURRENT | MCL_FUTURE;
  printf("mlockall: %s\n", mlockall(bits) == 0 ? "ok" : strerrorname_np(errno));
}

void LockOwn(size_t mebibytes) {
  const size_t size = mebibytes << 20;
  void* const own = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const bool locked = own != MAP_FAILED && mlock(own, size) == 0;
  printf("lock: %s\n", locked ? "ok" : strerrorname_np(errno));
}

// As many objects as there is memory for, as a list: each has the address of the one before.
size_t Hold(size_t size, void** list) {
  size_t count = 0;
  for (*list = nullptr; void** const object = static_cast<void**>(malloc(size)); ++count) {
    *object = *list;
    *list = object;
  }
  return count;
}

// Frees the newest.
void Drop(size_t count, void** list) {
  for (; count > 0 && *list != nullptr; --count) {
    void* const next = *static_cast<void**>(*list);
    free(*list);
    *list = next;
  }
}

void Fill(size_t size) {
  void* list;
  const size_t count = Hold(size, &list);
  Drop(count, &list);
  printf("fill %zu: %zu\n", size, count * size >> 20);
}

void Malloc(size_t size) {
  void* const object = malloc(size);
  printf("malloc %zu: %s\n", size, object != nullptr ? "ok" : strerrorname_np(errno));
  free(object);
}

void Exchange(size_t size, size_t count, size_t other) {
  void* list;
  const size_t held = Hold(size, &list);
  Drop(count, &list);
  Malloc(other);
  Drop(held, &list);
}

void Whole(size_t size) {
  void* const object = malloc(size);
  const uintptr_t address = reinterpret_cast<uintptr_t>(object);
  FILE* const file = fopen("/proc/self/maps", "re");
  uintptr_t first = 0, end = 0, from, to;
  char line[512];
  while (file != nullptr && fgets(line, sizeof line, file) != nullptr) {
    if (sscanf(line, "%lx-%lx", &from, &to) != 2) continue;
    if (from != end) {
      if (address < end) break;
      first = from;
    }
    end = to;
  }
  if (file != nullptr) fclose(file);
  printf("whole %zu: %lu\n", size, (end - first) >> 30);
  free(object);
}

// Through the caches of every size class, and more large objects than wait for reuse.
void Churn() {
  size_t refused = 0;
  for (size_t size = 16; size <= 64 << 20; size *= 2) {
    void* objects[64] = {};
    const size_t count = size < 1 << 20 ? 64 : 2;
    for (size_t i = 0; i < count; ++i) {
      objects[i] = malloc(size);
      refused += objects[i] == nullptr;
      if (objects[i] != nullptr) memset(objects[i], kContent, size < 4096 ? size : 4096);
    }
    for (void* object : objects) free(object);
  }
  printf("churn: %zu refused\n", refused);
}

// True in the child, which does what is left.
template <typename Forker>
bool Fork(Forker forker) {
  const pid_t child = forker();
  if (child == 0) return true;
  if (child < 0) {
    printf("fork: %s\n", strerrorname_np(errno));
  } else {
    printf("fork: exit %d\n", EndOf(child));
  }
  return false;
}

int Main(char** at) {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  while (*at != nullptr) {
    const char* const command = *at++;
    const auto is = [&](const char* name, int arguments) {
      for (int i = 0; i < arguments; ++i) {
        if (at[i] == nullptr) return false;
      }
      return strcmp(command, name) == 0;
    };
    if (is("secret", 2)) {
      AllocateSecrets(strtoul(at[0], nullptr, 10), strtoul(at[1], nullptr, 10));
      at += 2;
    } else if (is("free", 0)) {
      FreeSecrets();
    } else if (is("intact", 0)) {
      if (!AllIntact()) return 1;
    } else if (is("fork", 0)) {
      if (!Fork(fork)) return 0;
    } else if (is("forkpty", 0)) {
      int terminal;
      if (!Fork([&] { return forkpty(&terminal, nullptr, nullptr, nullptr); })) return 0;
    } else if (is("lock", 1)) {
      LockOwn(strtoul(*at++, nullptr, 10));
    } else if (is("forks", 1)) {
      int left = atoi(*at++);
      while (left > 0 && !Fork(fork)) --left;
      if (left == 0) return 0;
    } else if (is("fill-descriptors", 0)) {
      FillDescriptors();
    } else if (is("replace-2", 1)) {
      if (!Replace2(*at++)) return 1;
    } else if (is("mlockall", 1)) {
      LockAll(*at++);
    } else if (is("fill", 1)) {
      Fill(strtoul(*at++, nullptr, 10));
    } else if (is("exchange", 3)) {
      Exchange(strtoul(at[0], nullptr, 10), strtoul(at[1], nullptr, 10),
               strtoul(at[2], nullptr, 10));
      at += 3;
    } else if (is("malloc", 1)) {
      Malloc(strtoul(*at++, nullptr, 10));
    } else if (is("whole", 1)) {
      Whole(strtoul(*at++, nullptr, 10));
    } else if (is("churn", 0)) {
      Churn();
    } else if (is("status", 1)) {
      printf("%s %ld\n", *at, StatusKib(*at));
      ++at;
    } else {
      fprintf(stderr, "probe: `%s`: unknown command, or an argument is missing\n", command);
      return 2;
    }
  }
  return 0;
}

}  // namespace
}  // namespace secure_alloc::test

int main(int, char** arguments) { return secure_alloc::test::Main(arguments + 1); }
