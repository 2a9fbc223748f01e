#include "preload/catching.h"

// What catching takes. Weak, so that a program in C has none of them and need not get a library.
extern "C" {
[[gnu::weak]] void* __cxa_begin_catch(void*) noexcept;
[[gnu::weak]] void __cxa_end_catch();
}
asm(".weak __gxx_personality_v0");

namespace secure_alloc {

bool CanCatch() { return &__cxa_begin_catch != nullptr; }

bool Returns(void (*function)(const void*), const void* argument) {
  try {
    function(argument);
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace secure_alloc
