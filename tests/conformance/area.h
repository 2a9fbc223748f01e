// Memory to try operations on: secret (memfd_secret), locked (mlock and MADV_DONTDUMP), or
// ordinary, filled with bytes that occur nowhere else.
#pragma once

#include <stddef.h>

namespace secure_alloc::conformance {

enum class Kind { kSecret, kLocked, kOrdinary };

inline constexpr size_t kPage = 4096;
inline constexpr size_t kPages = 16;

struct Area {
  Kind kind;
  char* data;
  size_t size;
  int file;  // of secret memory, open; -1 for the others

  void Fill() const;
  // The bytes are those of Fill().
  bool Intact() const;
  // What became of them, found out without being hurt: "", ", zeroed", ", changed" or
  // ", inaccessible".
  const char* Contents() const;
};

// Faulted in and filled. Null data, with errno, if there is none; alignment: of `data`.
Area MakeArea(Kind kind, size_t size = kPages * kPage, size_t alignment = kPage);

// Byte `i` of what Fill() writes.
char PatternAt(size_t i);

}  // namespace secure_alloc::conformance
