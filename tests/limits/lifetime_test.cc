// Allocation at the edges of a thread's and a program's life.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atomic>
#include <vector>

#include "tests/limits/support.h"

extern "C" char* early_object;
extern "C" char* early_secret;

using namespace secure_alloc::test;

namespace {

// --- Before main and after exit ----------------------------------------------------------

char* preinit_secret = nullptr;

void BeforeConstructors() {
  free(malloc(100));
  preinit_secret = static_cast<char*>(secalloc_malloc(100));
}
[[gnu::section(".preinit_array"), gnu::used]] void (*const preinit)() = BeforeConstructors;

void UseHeap() {
  for (const size_t size : {10, 1000, 100000}) {
    char* const object = static_cast<char*>(malloc(size));
    char* const secret = static_cast<char*>(secalloc_malloc(size));
    if (object == nullptr || secret == nullptr) _exit(3);
    memset(object, 1, size);
    memset(secret, 1, size);
    free(object);
    free(secret);
  }
}

char* kept_to_the_end = nullptr;

void AfterExit() {
  UseHeap();
  free(kept_to_the_end);
}

[[gnu::destructor(101)]] void AtTheVeryEnd() { UseHeap(); }

int RunAfterExit() {
  kept_to_the_end = static_cast<char*>(malloc(100));
  atexit(AfterExit);
  on_exit([](int, void*) { UseHeap(); }, nullptr);
  exit(7);
}

void FactsOfTheProgram() {
  Fact("a library's constructor has its object", strcmp(early_object, "early") == 0);
  Fact("... which can be freed in main", (free(early_object), true));
  Fact("... and a secret", early_secret != nullptr && strcmp(early_secret, "early") == 0);
  Fact("... which is secret", ProtectionOf(early_secret) == SECALLOC_SECRET);
  Fact("a secret from .preinit_array is secret", ProtectionOf(preinit_secret) == SECALLOC_SECRET);
  const Outcome end = Run({"/proc/self/exe", "exit"});
  Fact("the heap works in exit handlers and destructors", end.exit == 7);
}

// --- Threads -----------------------------------------------------------------------------

std::atomic<int> destructor_runs{0};
pthread_key_t first_key, last_key;

// Comes back for as many rounds as the C library grants.
void AllocatingDestructor(void* object) {
  UseHeap();
  free(object);
  ++destructor_runs;
  pthread_setspecific(last_key, malloc(200));
}

struct AllocatesAtEnd {
  char* object = static_cast<char*>(malloc(64));
  ~AllocatesAtEnd() {
    UseHeap();
    free(object);
  }
};
thread_local AllocatesAtEnd allocates_at_end;

void* ShortThread(void*) {
  pthread_setspecific(first_key, malloc(300));
  memset(allocates_at_end.object, 1, 64);
  UseHeap();
  return malloc(50);  // Freed by the thread that joins.
}

// False if a thread can't be made.
bool RunThreads(int count) {
  for (int i = 0; i < count; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, nullptr, ShortThread, nullptr) != 0) return false;
    void* object;
    pthread_join(thread, &object);
    free(object);
  }
  return true;
}

struct secalloc_stats Stats() {
  struct secalloc_stats stats = {};
  (void)secalloc_stats(&stats);  // Fails only without a place for them.
  return stats;
}

void FactsOfThreads() {
  pthread_key_create(&first_key, AllocatingDestructor);
  pthread_key_create(&last_key, AllocatingDestructor);
  bool made = RunThreads(200);
  // What destructors set in the last round is never freed, by any malloc.
  const long rss = StatusKib("VmRSS");
  const size_t secret = Stats().secret_used_bytes;
  made = RunThreads(2000) && made;
  const long growth = StatusKib("VmRSS") - rss;
  printf("       2000 threads: resident memory grew by %ld KiB, %d destructor runs\n", growth,
         destructor_runs.load());
  Fact("2200 threads one after the other", made);
  Fact("destructors of their data allocate and free", destructor_runs >= 2200 * 4);
  Fact("dead threads leave next to no memory behind", growth < 2048);
  Fact("... and no secret memory", Stats().secret_used_bytes <= secret + 65536);
}

void* HoldsManyObjects(void*) {
  std::vector<void*> objects;
  for (int i = 0; i < 1000; ++i)
    objects.push_back(i % 10 == 0 ? secalloc_malloc(500) : malloc(500));
  for (void* object : objects) free(object);
  return nullptr;
}

void FactsOfManyThreads() {
  bool made = true;
  for (int round = 0; round < 10; ++round) {
    pthread_t threads[64];
    for (pthread_t& thread : threads) {
      made = pthread_create(&thread, nullptr, HoldsManyObjects, nullptr) == 0 && made;
    }
    for (const pthread_t thread : threads) pthread_join(thread, nullptr);
  }
  Fact("64 threads at a time, ten times", made);
}

}  // namespace

int main(int count, char**) {
  alarm(60);
  if (count > 1) return RunAfterExit();
  FactsOfTheProgram();
  FactsOfThreads();
  FactsOfManyThreads();
  return Summary();
}
