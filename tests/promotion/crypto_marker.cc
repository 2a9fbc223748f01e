// A helper library that somebody else could have written: remembers what libcrypto allocates, and
// makes all of it secret when the file that PROMOTE_WHEN names appears. Beside it, its name with
// ".done" and in it how many allocations were marked and how many refused.
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "secure_alloc/secure_alloc.h"

namespace {

// Open addressing; the keys are pointers, 1 is one that was removed.
constexpr size_t kSlots = 1 << 18;
void* slots[kSlots];
pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
void* const kRemoved = reinterpret_cast<void*>(1);

size_t HashOf(void* pointer) {
  return (reinterpret_cast<uintptr_t>(pointer) * 0x9E3779B97F4A7C15u) >> 46;
}

void Remember(void* pointer) {
  if (pointer == nullptr) return;
  pthread_mutex_lock(&mutex);
  size_t i = HashOf(pointer);
  while (slots[i] != nullptr && slots[i] != kRemoved) i = (i + 1) % kSlots;
  slots[i] = pointer;
  pthread_mutex_unlock(&mutex);
}

void Forget(void* pointer) {
  if (pointer == nullptr) return;
  pthread_mutex_lock(&mutex);
  for (size_t i = HashOf(pointer); slots[i] != nullptr; i = (i + 1) % kSlots) {
    if (slots[i] != pointer) continue;
    slots[i] = kRemoved;
    break;
  }
  pthread_mutex_unlock(&mutex);
}

void* Malloc(size_t size, const char*, int) {
  void* const pointer = malloc(size);
  Remember(pointer);
  return pointer;
}

void* Realloc(void* old, size_t size, const char*, int) {
  Forget(old);
  void* const pointer = realloc(old, size);
  Remember(pointer);
  return pointer;
}

void Free(void* pointer, const char*, int) {
  Forget(pointer);
  free(pointer);
}

void Promote(const char* trigger) {
  long marked = 0, refused = 0;
  pthread_mutex_lock(&mutex);  // Nothing is freed meanwhile; the memory itself is in use.
  for (void* const pointer : slots) {
    if (pointer == nullptr || pointer == kRemoved) continue;
    ++(secalloc_mark(pointer, SECALLOC_MADV_SECRET) == 0 ? marked : refused);
  }
  pthread_mutex_unlock(&mutex);
  char name[4096];
  snprintf(name, sizeof name, "%s.done", trigger);
  FILE* const file = fopen(name, "w");
  if (file == nullptr) return;
  fprintf(file, "marked %ld refused %ld\n", marked, refused);
  fclose(file);
}

void* WaitForTrigger(void* trigger) {
  while (access(static_cast<const char*>(trigger), F_OK) != 0) usleep(20000);
  Promote(static_cast<const char*>(trigger));
  return nullptr;
}

// Before libcrypto's first allocation; the thread begins in the server itself, after it has
// forked or not.
[[gnu::constructor]] void Start() {
  const char* const variable = getenv("PROMOTE_WHEN");
  if (variable == nullptr) return;
  char* const trigger = strdup(variable);  // Servers write their titles over the environment.
  if (CRYPTO_set_mem_functions(Malloc, Realloc, Free) != 1) {
    fprintf(stderr, "crypto_marker: libcrypto has allocated already\n");
    abort();
  }
  pthread_t thread;
  if (pthread_create(&thread, nullptr, WaitForTrigger, trigger) != 0) abort();
}

}  // namespace
