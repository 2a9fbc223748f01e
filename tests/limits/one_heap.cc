// Opens the API library by its path and uses it: one_heap LIBRARY. Says what it found.
#include <dlfcn.h>
#include <stdlib.h>

#include <cstdio>
#include <cstring>

#include "secure_alloc/secure_alloc.h"

namespace {

template <typename Function>
Function* Find(void* library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library, name));
}

}  // namespace

int main(int, char** arguments) {
  void* const library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    std::printf("%s\n", dlerror());
    return 1;
  }
  void* const object = Find<void*(size_t)>(library, "secalloc_malloc")(100);
  if (object == nullptr) return 1;
  std::memset(object, 1, 100);
  struct secalloc_info info = {};
  Find<int(const void*, struct secalloc_info*)>(library, "secalloc_query")(object, &info);
  std::printf("protection %d, live %d, size %zu, domain %s\n", info.protection, info.live,
              info.size, info.domain);
  struct secalloc_stats stats = {};
  Find<int(struct secalloc_stats*)>(library, "secalloc_stats")(&stats);
  std::printf("arenas %s\n", stats.secret_arenas + stats.locked_arenas > 0 ? "yes" : "no");
  // The preload library's functions come first in the order of search, if it is there.
  auto* const preloaded_query =
      Find<int(const void*, struct secalloc_info*)>(RTLD_DEFAULT, "secalloc_query");
  if (preloaded_query != nullptr) {
    info = {};
    const bool its = preloaded_query(object, &info) == 0 && info.ours && info.live;
    std::printf("the preload library's: %s\n", its ? "yes" : "no");
    free(object);
  } else {
    std::printf("the preload library's: not there\n");
    Find<void(void*)>(library, "secalloc_free")(object);
  }
  return 0;
}
