// Threads ask for more secrets than the budget has, with fallback=plain, while others use the
// ordinary malloc: nothing fails, nothing is lost, and memory that comes back is secret again.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "secure_alloc/secure_alloc.h"

// The preloaded library's.
#pragma weak secalloc_malloc
#pragma weak secalloc_realloc
#pragma weak secalloc_query
#pragma weak secalloc_stats

namespace {

constexpr int kThreads = 4, kSteps = 20000;
constexpr size_t kHeld = 64;
constexpr size_t kSizes[] = {16, 100, 1000, 5000, 40000};

struct Object {
  unsigned char* bytes = nullptr;
  size_t size = 0;
  unsigned char value = 0;

  bool IsIntact() const {
    for (size_t i = 0; i < size; ++i) {
      if (bytes[i] != value) return false;
    }
    return true;
  }
};

std::atomic<int> secret{0}, plain{0}, broken{0};

void Count(const void* bytes) {
  struct secalloc_info info = {};
  if (secalloc_query(bytes, &info) != 0) ++broken;
  ++(info.protection == SECALLOC_SECRET ? secret : plain);
}

// Every second thread's objects are secrets.
void Work(unsigned thread) {
  std::mt19937 random(thread);
  Object held[kHeld];
  const bool secrets = thread % 2 == 0;
  for (int step = 0; step < kSteps; ++step) {
    Object& object = held[random() % kHeld];
    if (!object.IsIntact()) ++broken;
    const size_t size = kSizes[random() % 5] + random() % 16;
    void* bytes;
    if (object.bytes != nullptr && random() % 3 == 0) {
      bytes = secrets ? secalloc_realloc(object.bytes, size) : realloc(object.bytes, size);
      const Object kept = {static_cast<unsigned char*>(bytes), std::min(object.size, size),
                           object.value};
      if (bytes != nullptr && !kept.IsIntact()) ++broken;
    } else {
      free(object.bytes);
      bytes = secrets ? secalloc_malloc(size) : malloc(size);
    }
    if (bytes == nullptr) {
      ++broken;
      return;
    }
    object = {static_cast<unsigned char*>(bytes), size, static_cast<unsigned char>(random())};
    memset(object.bytes, object.value, size);
    if (secrets) Count(object.bytes);
  }
  for (const Object& object : held) free(object.bytes);
}

}  // namespace

int main() {
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) threads.emplace_back(Work, i);
  for (std::thread& thread : threads) thread.join();
  const bool mixed = secret > 0 && plain > 0;
  void* const afterwards = secalloc_malloc(100);
  struct secalloc_info info = {};
  const bool recovered =
      secalloc_query(afterwards, &info) == 0 && info.protection == SECALLOC_SECRET;
  struct secalloc_stats stats = {};
  const bool counted = secalloc_stats(&stats) == 0 && stats.degraded_allocations > 0;
  printf("secret %d, plain %d, broken %d, counted %d, recovered %d\n", secret.load(), plain.load(),
         broken.load(), counted, recovered);
  return mixed && recovered && counted && broken == 0 ? 0 : 1;
}
