// What the fuzz targets share: an input that is read as choices, and what to do when the code under
// test is wrong. Each target is a function LLVMFuzzerTestOneInput in a file of its own; run.sh
// builds and runs them.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace secure_alloc::test {

class Choices {
 public:
  Choices(const uint8_t* data, size_t size) : at_(data), left_(size) {}

  bool more() const { return left_ > 0; }
  // 0 behind the end.
  uint8_t Byte() {
    if (left_ == 0) return 0;
    --left_;
    return *at_++;
  }
  // In [0, n).
  uint32_t Below(uint32_t n) { return (Byte() | static_cast<uint32_t>(Byte()) << 8) % n; }

 private:
  const uint8_t* at_;
  size_t left_;
};

// The fuzzer reports the abort with the input that led here.
inline void Must(bool holds, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (holds) return;
  fprintf(stderr, "%s:%d: does not hold\n", file, line);
  abort();
}

}  // namespace secure_alloc::test
