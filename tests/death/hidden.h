// A pointer whose origin the compiler can't see: it knows what malloc and free do, and what belongs
// together.
#pragma once

namespace secure_alloc::test {

inline char* Hidden(void* pointer) {
  asm volatile("" : "+r"(pointer) : : "memory");
  return static_cast<char*>(pointer);
}

}  // namespace secure_alloc::test
