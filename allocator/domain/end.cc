#include "allocator/domain/end.h"

#include "allocator/domain/created_domain.h"
#include "allocator/heap/repair.h"
#include "allocator/os/keys.h"
#include "allocator/os/os.h"

// As atexit(3), but of no library: its destructors don't call it early.
extern "C" int __cxa_atexit(void (*handler)(void*), void* argument, void* library);

namespace secure_alloc {
namespace {

// Without locks: this thread is the only one, and may have been interrupted in the middle.
void WipeLocked(Domain& domain) SA_NO_THREAD_SAFETY {
  Heap& heap = domain.heap();
  const os::KeyOpened opened(domain.key());
  heap.large().OpenAll(heap.pages());
  heap.pages().WipeLocked(ForgetObjects);
}

void OnEnd(void*) SA_NO_THREAD_SAFETY {
  bool any = false;
  SecretDomains::ForEach([&any](Domain& domain) {
    any |= domain.record().pages.arenas[static_cast<unsigned>(Protection::kLocked)].get() != 0;
  });
  // glibc's __libc_single_threaded stays false when threads have ended.
  if (any && os::Threads() == 1) SecretDomains::ForEach(WipeLocked);
}

}  // namespace

// Without memory for the handler there are no secrets yet, either; nor will there be many.
void WipeLockedSecretsAtEnd() { (void)__cxa_atexit(OnEnd, nullptr, nullptr); }

}  // namespace secure_alloc
