// Strict DER (X.690), as much of it as private keys need: definite lengths in their
// shortest form, non-negative INTEGERs in their shortest form, nothing left over.
// Views into the caller's bytes; nothing is copied.
#pragma once

#include "preload/command/common/private_pages.h"

namespace secure_alloc {

enum DerTag : uint8_t {
  kDerInteger = 0x02,
  kDerOctetString = 0x04,
  kDerOid = 0x06,
  kDerSequence = 0x30,
};

class DerReader {
 public:
  explicit DerReader(ByteView bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }
  // The tag of the next element; 0 at the end.
  uint8_t PeekTag() const { return rest_.empty() ? 0 : rest_[0]; }

  // False, with nothing taken, when the next element is another or malformed.
  [[nodiscard]] bool Read(uint8_t tag, ByteView* content);
  // The magnitude without leading zeros; empty for 0.
  [[nodiscard]] bool ReadUnsigned(ByteView* magnitude);
  // An INTEGER from 0 to 127.
  [[nodiscard]] bool ReadSmall(int* value);
  // One element of any tag.
  [[nodiscard]] bool Skip();

 private:
  bool Next(ByteView* content, size_t* whole) const;

  ByteView rest_;
};

}  // namespace secure_alloc
