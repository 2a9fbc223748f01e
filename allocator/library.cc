// libsecure_alloc.so: the API alone; malloc stays as it is.
#include <dlfcn.h>

#include "allocator/api/redirect.h"
#include "allocator/api/report.h"

namespace secure_alloc {
namespace {

constinit Redirect preloaded = {};

template <typename Function>
bool Find(const char* name, Function* function) {
  *function = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
  return *function != nullptr;
}

// Only the preload library exports malloc_conceal together with the API.
bool FindPreloaded() {
  return dlsym(RTLD_DEFAULT, "malloc_conceal") != nullptr &&
         Find("secalloc_malloc", &preloaded.malloc) && preloaded.malloc != &secalloc_malloc &&
         Find("secalloc_calloc", &preloaded.calloc) &&
         Find("secalloc_realloc", &preloaded.realloc) &&
         Find("secalloc_aligned_alloc", &preloaded.aligned_alloc) &&
         Find("secalloc_free", &preloaded.free) &&
         Find("secalloc_usable_size", &preloaded.usable_size) &&
         Find("secalloc_query", &preloaded.query) && Find("secalloc_stats", &preloaded.stats) &&
         Find("secalloc_trim", &preloaded.trim);
}

[[gnu::constructor]] void OnLoad() {
  if (FindPreloaded()) redirect = &preloaded;
}

[[gnu::destructor]] void OnExit() {
  if (redirect == nullptr) WriteStatsAtExit();
}

}  // namespace
}  // namespace secure_alloc
