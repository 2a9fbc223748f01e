// What a promotion or a demotion begins with.
#pragma once

#include <cstdint>

#include "allocator/os/live.h"
#include "allocator/promote/converter.h"
#include "allocator/promote/held.h"
#include "allocator/promote/plan.h"

namespace secure_alloc {

// A method, and memory that nobody holds.
struct Call {
  Converter converter;
  os::MappingReader maps;

  // `frame`: see CheckNotHeld().
  int Begin(uintptr_t begin, uintptr_t end, Method method, Converter::Use use, const void* frame) {
    int error = converter.Open(method, use);
    if (error == 0) error = CheckNotHeld(begin, end, converter.method(), frame, maps);
    return Translate(error);
  }
};

}  // namespace secure_alloc
