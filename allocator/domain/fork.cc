#include "allocator/domain/fork.h"

#include <errno.h>
#include <pthread.h>
#include <sys/single_threaded.h>

#include "allocator/base/fault.h"
#include "allocator/base/mutex.h"
#include "allocator/base/random.h"
#include "allocator/domain/created_domain.h"
#include "allocator/domain/default_budget.h"
#include "allocator/domain/notice.h"
#include "allocator/heap/find.h"
#include "allocator/heap/repair.h"
#include "allocator/heap/standard_heaps.h"
#include "allocator/heap/thread_cache.h"
#include "allocator/os/keys.h"
#include "allocator/os/os.h"
#include "allocator/pages/space.h"
#include "allocator/promote/promoter.h"
#include "allocator/record/record.h"
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
  int copy_error = 0;       // of the fork under way
  bool threaded = false;    // other threads ran when the copies were made
};
constinit ForkState state;

// This thread is between BeginFork and EndFork.
constinit thread_local bool bracketed = false;

bool IsCopied(const Domain& domain) { return domain.fork() == ForkPolicy::kCopy; }

// What is promoted follows the policy for all secrets. Its pages hold the program's own data as
// well, which two processes can't share: under `share` the child has a copy, too.
bool IsPromotedCopied() { return secret_domain.fork() != ForkPolicy::kDeny; }

// Every lock from the budget's and the thread list's down to the page heaps, in rank order. The
// space's is only taken under one of those.
void LockEverything() SA_NO_THREAD_SAFETY {
  BudgetMutex().Lock();
  LockThreadCaches();
  SecretDomains::mutex().Lock();
  ordinary_heap.LockAll();
  SecretDomains::ForEach([](Domain& domain) { domain.heap().LockAll(); });
  LockOrdinaryPages();
  SecretDomains::ForEach(
      [](Domain& domain) SA_NO_THREAD_SAFETY { domain.heap().pages().mutex().Lock(); });
  promoter.mutex().Lock();
}

void UnlockEverything() SA_NO_THREAD_SAFETY {
  promoter.mutex().Unlock();
  SecretDomains::ForEach(
      [](Domain& domain) SA_NO_THREAD_SAFETY { domain.heap().pages().mutex().Unlock(); });
  UnlockOrdinaryPages();
  SecretDomains::ForEach([](Domain& domain) { domain.heap().UnlockAll(); });
  ordinary_heap.UnlockAll();
  SecretDomains::mutex().Unlock();
  UnlockThreadCaches();
  BudgetMutex().Unlock();
}

void DropAllCopies() SA_NO_THREAD_SAFETY {
  SecretDomains::ForEach(
      [](Domain& domain) SA_NO_THREAD_SAFETY { domain.heap().pages().DropCopies(); });
  promoter.DropCopies();
}

void FillCopy(Domain& domain) SA_NO_THREAD_SAFETY {
  if (!IsCopied(domain)) return;
  Heap& heap = domain.heap();
  const os::KeyOpened opened(domain.key());
  heap.large().OpenAll(heap.pages());
  if (state.copy_error == 0) state.copy_error = heap.pages().FillCopies();
}

void CloseAgain(Domain& domain) SA_NO_THREAD_SAFETY {
  if (IsCopied(domain)) domain.heap().large().CloseAll(domain.heap().pages());
}

void OnPrepare() SA_NO_THREAD_SAFETY {
  if (!bracketed) state.window.Lock();
  state.threaded = !__libc_single_threaded;
  if (state.threaded && _IO_list_lock != nullptr) _IO_list_lock();
  LockEverything();
  state.copy_error = 0;
  SecretDomains::ForEach(
      [](Domain& domain) SA_NO_THREAD_SAFETY { domain.heap().pages().KeepFromChildren(); });
  promoter.KeepFromChildren();
  SecretDomains::ForEach(FillCopy);
  if (state.copy_error == 0 && IsPromotedCopied()) state.copy_error = promoter.FillCopies();
}

void OnParent() SA_NO_THREAD_SAFETY {
  DropAllCopies();
  SecretDomains::ForEach(CloseAgain);
  UnlockEverything();
  if (state.threaded && _IO_list_unlock != nullptr) _IO_list_unlock();
  if (!bracketed) state.window.Unlock();
}

// Of a heap whose other pages the child has.
void ForgetPages(void* address, size_t length) {
  ForgetObjects(address, length);
  // One that begins before them has lost its end, and its check byte.
  uintptr_t end;
  if (char* const start = FindOwner(address, &end)) {
    ForgetObject(StateOf(start));
  }
}

void ForgetSecrets(ThreadCache& cache) {
  for (unsigned bin = kSecretBins; bin < kDomainBins; ++bin) cache.bins[bin].SetCount(0);
}

void RecoverCache(ThreadCache& cache) {
  ordinary_heap.Flush(cache);
  secret_heap.Flush(cache);
}

void AdoptDomain(Domain& domain) SA_NO_THREAD_SAFETY {
  PageHeap& pages = domain.heap().pages();
  const os::KeyOpened opened(domain.key());
  if (IsCopied(domain)) {
    pages.AdoptCopies();
    if (state.threaded) RepairSecretsAfterFork(pages);
    if (pages.RelockAfterFork() != 0) Fault(FaultKind::kForkWithoutCopy, nullptr);
    CloseAgain(domain);
  } else {
    pages.AbandonArenas(ForgetObjects);
    domain.heap().Forget();
    if (domain.heap().has_thread_caches()) ForEachThreadCache(ForgetSecrets);
  }
}

void OnChild() SA_NO_THREAD_SAFETY {
  if (state.copy_error != 0) Fault(FaultKind::kForkWithoutCopy, nullptr);
  process_record.process.Set(os::ProcessId());
  SecretDomains::ForEach(AdoptDomain);
  if (IsPromotedCopied()) {
    promoter.AdoptCopies();
  } else {
    promoter.Abandon(ForgetPages);
  }
  UnlockEverything();
  // glibc's child has made its lists of open files anew: their lock needs no unlock.
  ForgetRandomWords();
  thread_cache->random.Stir(RandomWord());
  RecoverOtherCaches(RecoverCache);
  if (!bracketed) state.window.Unlock();
}

// Copies for all domains and all that is promoted, or for none.
int MakeAllCopies() {
  int error = 0;
  {
    MutexLock lock(SecretDomains::mutex());
    SecretDomains::ForEach([&error](Domain& domain) {
      if (error != 0 || !IsCopied(domain)) return;
      const os::KeyOpened opened(domain.key());
      error = domain.heap().pages().MakeCopies();
    });
  }
  return error == 0 && IsPromotedCopied() ? promoter.MakeCopies() : error;
}

// A domain made meanwhile has none.
void EndCopies() {
  {
    MutexLock lock(SecretDomains::mutex());
    SecretDomains::ForEach([](Domain& domain) {
      MutexLock pages_lock(domain.heap().pages().mutex());
      domain.heap().pages().DropCopies();
    });
  }
  MutexLock lock(promoter.mutex());
  promoter.DropCopies();
}

}  // namespace

void RegisterForkHandlers() {
  // ENOMEM can only come from our own heap, before anything was allocated from it.
  SA_CHECK(pthread_atfork(OnPrepare, OnParent, OnChild) == 0);
}

int BeginFork() SA_NO_THREAD_SAFETY {
  state.window.Lock();
  if (const int error = MakeAllCopies(); error != 0) {
    EndCopies();
    state.window.Unlock();
    NoticeForkRefused(error);
    return EAGAIN;
  }
  bracketed = true;
  return 0;
}

void EndFork() SA_NO_THREAD_SAFETY {
  bracketed = false;
  EndCopies();  // A fork that failed never ran OnParent; elsewhere there is nothing left.
  state.window.Unlock();
}

}  // namespace secure_alloc
