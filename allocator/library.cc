// libsecure_alloc.so: the API alone; malloc stays as it is.
#include <dlfcn.h>

#include "allocator/api/redirect.h"
#include "allocator/api/report.h"
#include "allocator/domain/exit_check.h"

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
#define SA_AND_FIND(name) &&Find("secalloc_" #name, &preloaded.name)
  return dlsym(RTLD_DEFAULT, "malloc_conceal") != nullptr SA_API_FUNCTIONS(SA_AND_FIND) &&
         preloaded.malloc != &secalloc_malloc;
#undef SA_AND_FIND
}

[[gnu::constructor]] void OnLoad() {
  if (FindPreloaded()) redirect = &preloaded;
}

[[gnu::destructor]] void OnExit() {
  if (redirect != nullptr) return;
  WriteStatsAtExit();
  CheckObjectsAtExit();
}

}  // namespace
}  // namespace secure_alloc
