#include "preload/crypto/original.h"

#include <dlfcn.h>

#include "allocator/base/text.h"
#include "allocator/os/os.h"

// Only the preload library has both.
extern "C" [[gnu::weak]] void* malloc_conceal(size_t);
#pragma weak secalloc_malloc
#pragma weak secalloc_query

namespace secure_alloc::crypto {
namespace {

[[gnu::constructor]] void OnLoad() {
  os::RememberStderr();
  if (Serving()) return;
  Line line;
  line << "secure_alloc: libsecure_alloc_crypto_preload.so does nothing alone: put "
          "libsecure_alloc_preload.so before it in LD_PRELOAD";
  line.WriteStderr();
}

}  // namespace

bool Serving() { return &malloc_conceal != nullptr && &secalloc_malloc != nullptr; }

void* FindOriginal(const char* name) {
  if (void* const function = dlsym(RTLD_NEXT, name)) return function;
  Line line;
  line << "secure_alloc: " << name << " is in no library behind libsecure_alloc_crypto_preload.so";
  line.WriteStderr();
  os::Abort();
}

bool IsOurs(const void* object) {
  struct secalloc_info info;
  return secalloc_query(object, &info) == 0 && info.ours == 1;
}

}  // namespace secure_alloc::crypto
