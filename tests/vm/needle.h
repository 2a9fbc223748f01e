// What the target writes and the scanner looks for, without either keeping the other's copy:
// the target makes a needle's bytes from its name, word by word, straight into the memory in
// question; all else (files, pipes, the scanner) holds them only masked.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace secure_alloc::test {

constexpr size_t kNeedleWords = 8;
constexpr size_t kNeedleBytes = kNeedleWords * sizeof(uint64_t);
constexpr unsigned char kNeedleMask = 0x5A;

// Word `index` of the needle `name` (a splitmix64 step over a FNV hash).
inline uint64_t NeedleWord(const char* name, size_t index) {
  uint64_t word = 0xCBF29CE484222325;
  for (; *name != '\0'; ++name) word = (word ^ static_cast<unsigned char>(*name)) * 0x100000001B3;
  word += (index + 1) * 0x9E3779B97F4A7C15;
  word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9;
  word = (word ^ (word >> 27)) * 0x94D049BB133111EB;
  return word ^ (word >> 31);
}

}  // namespace secure_alloc::test
