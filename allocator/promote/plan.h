// What of a range is to be promoted, found out before anything changes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "allocator/os/live.h"

namespace secure_alloc {

// Pages of one mapping.
struct Segment {
  uintptr_t begin;
  uintptr_t end;
  int protection;
};

// As many mappings of a range as there is room for.
class Plan {
 public:
  // The segments of [begin, end) up to next() that are not secret. 0, or why the range can't be
  // promoted, as the public header says.
  [[nodiscard]] int Collect(os::MappingReader& reader, uintptr_t begin, uintptr_t end);

  uintptr_t next() const { return next_; }
  size_t bytes() const { return bytes_; }
  const Segment* begin() const { return segments_; }
  const Segment* end() const { return segments_ + count_; }

 private:
  static constexpr unsigned kSegments = 32;

  Segment segments_[kSegments];
  unsigned count_ = 0;
  uintptr_t next_ = 0;
  size_t bytes_ = 0;
};

// May these pages, which are mapped, change? In the space only those of objects may.
bool MayConvert(uintptr_t begin, uintptr_t end);

// What the public header promises, for what the kernel said.
int Translate(int error);

}  // namespace secure_alloc
