// libsodium's sodium_malloc family, as its documentation has it: pages of its own, guard pages
// around, filled with 0xdb, wiped when freed. At the end of its pages up to the padding of 16
// bytes, so that every type may be put there.
#include <errno.h>

#include <algorithm>
#include <cstring>

#include "preload/crypto/original.h"

#pragma weak secalloc_domain_alloc_pages
#pragma weak secalloc_free
#pragma weak secalloc_protect

using namespace secure_alloc::crypto;

SA_EXPORT void* sodium_malloc(size_t size) {
  if (!Serving()) return SA_ORIGINAL(sodium_malloc)(size);
  constexpr int kGarbage = 0xdb;
  void* const object =
      secalloc_domain_alloc_pages(nullptr, 16, std::max<size_t>(size, 1), SECALLOC_AT_END);
  if (object != nullptr) std::memset(object, kGarbage, size);
  return object;
}

SA_EXPORT void* sodium_allocarray(size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) {
    errno = ENOMEM;
    return nullptr;
  }
  return sodium_malloc(total);
}

SA_EXPORT void sodium_free(void* object) {
  if (!Serving() || (object != nullptr && !IsOurs(object))) {
    return SA_ORIGINAL(sodium_free)(object);
  }
  secalloc_free(object);
}

namespace {

using Protect = int(void*);

int SetAccess(void* object, int protection, Protect* self, const char* name) {
  if (!Serving() || !IsOurs(object)) return Original(self, name)(object);
  return secalloc_protect(object, protection);
}

}  // namespace

#define SA_SET_ACCESS(name, protection) \
  SA_EXPORT int name(void* object) { return SetAccess(object, protection, &name, #name); }

// PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE
SA_SET_ACCESS(sodium_mprotect_noaccess, 0)
SA_SET_ACCESS(sodium_mprotect_readonly, 1)
SA_SET_ACCESS(sodium_mprotect_readwrite, 3)
