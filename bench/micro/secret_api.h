// The secalloc API as it is in this process: these programs run without the library as well.
#pragma once

#include <dlfcn.h>

namespace secure_alloc::bench {

// The function of that name in the preloaded library, or null without it.
template <typename Function>
Function* FindSecretApi(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

}  // namespace secure_alloc::bench
