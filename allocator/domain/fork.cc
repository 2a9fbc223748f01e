#include "allocator/domain/fork.h"

#include <errno.h>
#include <pthread.h>
#include <sys/single_threaded.h>

#include "allocator/base/fault.h"
#include "allocator/base/mutex.h"
#include "allocator/base/random.h"
#include "allocator/domain/notice.h"
#include "allocator/heap/repair.h"
#include "allocator/heap/standard_heaps.h"
#include "allocator/heap/thread_cache.h"
#include "allocator/pages/space.h"
#include "allocator/slab/object.h"

// glibc's lock of the list of open files, which its fork takes after our handlers. Taken
// before them it can't be held by a thread that waits for one of our locks.
extern "C" {
[[gnu::weak]] void _IO_list_lock();
[[gnu::weak]] void _IO_list_unlock();
}

namespace secure_alloc {
namespace {

struct ForkState {
  Mutex window;             // one fork at a time; rank 1
  ForkPolicy policy = ForkPolicy::kCopy;
  int copy_error = 0;       // of the fork under way
  bool threaded = false;    // other threads ran when the copies were made
};
constinit ForkState state;

// This thread is between BeginFork and EndFork.
constinit thread_local bool bracketed = false;

void OnPrepare() SA_NO_THREAD_SAFETY {
  if (!bracketed) state.window.Lock();
  state.threaded = !__libc_single_threaded;
  if (state.threaded && _IO_list_lock != nullptr) _IO_list_lock();
  LockThreadCaches();
  LockAllHeaps();
  state.copy_error = state.policy == ForkPolicy::kCopy ? secret_pages.FillCopies() : 0;
}

void OnParent() SA_NO_THREAD_SAFETY {
  secret_pages.DropCopies();
  UnlockAllHeaps();
  UnlockThreadCaches();
  if (state.threaded && _IO_list_unlock != nullptr) _IO_list_unlock();
  if (!bracketed) state.window.Unlock();
}

// Live objects of an arena that the child does not have: freeing them does nothing.
void MarkForgotten(Arena* arena) {
  uint8_t* const begin = space.ShadowOf(arena->AddressOf(0));
  for (uint8_t* at = begin; at < begin + (arena->bytes() >> kGranuleShift); ++at) {
    if ((LoadShadow(at) & kLive) != 0) StoreShadow(at, kLive | kForgottenClass);
  }
}

void ForgetSecrets(ThreadCache& cache) {
  for (unsigned bin = kHeapStride; bin < kBins; ++bin) cache.bins[bin].SetCount(0);
}

void RecoverCache(ThreadCache& cache) {
  ordinary_heap.Flush(cache);
  secret_heap.Flush(cache);
}

void OnChild() SA_NO_THREAD_SAFETY {
  if (state.copy_error != 0) Fault(FaultKind::kForkWithoutCopy, nullptr);
  if (state.policy == ForkPolicy::kCopy) {
    secret_pages.AdoptCopies();
    if (state.threaded) RepairSecretsAfterFork();
    if (secret_pages.RelockAfterFork() != 0) Fault(FaultKind::kForkWithoutCopy, nullptr);
  } else {
    secret_pages.AbandonArenas(MarkForgotten);
    secret_heap.Forget();
    ForEachThreadCache(ForgetSecrets);
  }
  UnlockAllHeaps();
  UnlockThreadCaches();
  // glibc's child has made its lists of open files anew: their lock needs no unlock.
  ForgetRandomWords();
  thread_cache->random.Stir(RandomWord());
  RecoverOtherCaches(RecoverCache);
  if (!bracketed) state.window.Unlock();
}

}  // namespace

void RegisterForkHandlers(ForkPolicy policy) {
  state.policy = policy;
  // ENOMEM can only come from our own heap, before anything was allocated from it.
  SA_CHECK(pthread_atfork(OnPrepare, OnParent, OnChild) == 0);
}

int BeginFork() SA_NO_THREAD_SAFETY {
  state.window.Lock();
  if (state.policy == ForkPolicy::kCopy) {
    if (const int error = secret_pages.MakeCopies(); error != 0) {
      state.window.Unlock();
      NoticeForkRefused(error);
      return EAGAIN;
    }
  }
  bracketed = true;
  return 0;
}

void EndFork() SA_NO_THREAD_SAFETY {
  bracketed = false;
  {
    // A fork that failed never ran OnParent; elsewhere there is nothing left to drop.
    MutexLock lock(secret_pages.mutex());
    secret_pages.DropCopies();
  }
  state.window.Unlock();
}

}  // namespace secure_alloc
