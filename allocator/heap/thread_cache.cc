#include "allocator/heap/thread_cache.h"

#include <limits.h>
#include <pthread.h>

#include <new>

#include "allocator/base/bits.h"
#include "allocator/base/guarded.h"
#include "allocator/base/mutex.h"

namespace secure_alloc {

constinit ThreadCache no_cache;
constinit thread_local ThreadCache* thread_cache = &no_cache;

namespace {

constexpr size_t ArraySlots() {
  size_t slots = 0;
  for (unsigned bin = 0; bin < kCachedBins; ++bin) slots += kShapes[bin].cache_capacity;
  return slots;
}

constexpr size_t kCacheSize =
    RoundUp(sizeof(ThreadCache), 64) + ArraySlots() * sizeof(void*);

struct Registry {
  Mutex mutex;
  ThreadCache* all SA_GUARDED_BY(mutex) = nullptr;  // attached or not
  bool key_made SA_GUARDED_BY(mutex) = false;
  pthread_key_t key = 0;
  void (*flush)(ThreadCache&) = nullptr;  // one for all threads
};
constinit Registry registry;

// Destructors of other libraries' thread-local data may allocate and free after ours:
// it asks to be called again, and lets go in the last round.
constinit thread_local int rounds_left = PTHREAD_DESTRUCTOR_ITERATIONS - 1;
constinit thread_local bool ended = false;

void Detach(ThreadCache& cache) {
  MutexLock lock(registry.mutex);
  cache.attached = false;
}

void OnThreadExit(void* argument) {
  if (--rounds_left > 0) {
    // ENOMEM cannot be: the key has a value already.
    if (pthread_setspecific(registry.key, argument) == 0) return;
  }
  ThreadCache& cache = *static_cast<ThreadCache*>(argument);
  ended = true;
  thread_cache = &no_cache;
  registry.flush(cache);
  Detach(cache);
}

ThreadCache* NewCache() {
  char* const mapping = MapGuarded(kCacheSize);
  if (mapping == nullptr) return nullptr;
  ThreadCache* const cache = new (mapping) ThreadCache;
  void** array = reinterpret_cast<void**>(mapping + RoundUp(sizeof(ThreadCache), 64));
  for (unsigned bin = 0; bin < kCachedBins; ++bin) {
    const SlabShape& shape = kShapes[bin];
    if (shape.slot_size == 0) continue;
    void** const floor = array + shape.cache_reserve;
    array += shape.cache_capacity;
    CacheBin& cached = cache->bins[bin];
    cached = {.floor = floor,
              .room = static_cast<uint16_t>(array - floor),
              .last_byte = static_cast<uint16_t>(shape.slot_size - 1),
              .last_of_reserve = static_cast<uint8_t>(shape.cache_reserve - 1)};
    cached.SetCount(0);
  }
  return cache;
}

// An unused cache, or a new one; attached.
ThreadCache* FindCache() {
  MutexLock lock(registry.mutex);
  for (ThreadCache* cache = registry.all; cache != nullptr; cache = cache->next) {
    if (!cache->attached) {
      cache->attached = true;
      for (CacheBin& bin : cache->bins) bin.refills = 0;
      return cache;
    }
  }
  ThreadCache* const cache = NewCache();
  if (cache == nullptr) return nullptr;
  cache->attached = true;
  cache->number = registry.all == nullptr ? 0 : registry.all->number + 1;
  cache->next = registry.all;
  registry.all = cache;
  return cache;
}

bool MakeKey() {
  MutexLock lock(registry.mutex);
  if (!registry.key_made) registry.key_made = pthread_key_create(&registry.key, OnThreadExit) == 0;
  return registry.key_made;
}

}  // namespace

bool AttachThreadCache(void (*flush)(ThreadCache&)) {
  if (ended || !MakeKey()) return false;
  registry.flush = flush;
  ThreadCache* const cache = FindCache();
  if (cache == nullptr) return false;
  cache->random.Stir(RandomWord());
  // From here on allocation works: pthread_setspecific may allocate.
  thread_cache = cache;
  if (pthread_setspecific(registry.key, cache) != 0) {
    thread_cache = &no_cache;
    registry.flush(*cache);
    Detach(*cache);
    return false;
  }
  return true;
}

void LockThreadCaches() SA_NO_THREAD_SAFETY { registry.mutex.Lock(); }
void UnlockThreadCaches() SA_NO_THREAD_SAFETY { registry.mutex.Unlock(); }

void ForEachThreadCache(void (*visit)(ThreadCache&)) SA_NO_THREAD_SAFETY {
  for (ThreadCache* cache = registry.all; cache != nullptr; cache = cache->next) visit(*cache);
}

void RecoverOtherCaches(void (*recover)(ThreadCache&)) SA_NO_THREAD_SAFETY {
  for (ThreadCache* cache = registry.all; cache != nullptr; cache = cache->next) {
    if (!cache->attached || cache == thread_cache) continue;
    recover(*cache);
    cache->attached = false;
  }
}

}  // namespace secure_alloc
