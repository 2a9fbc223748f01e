#include "preload/command/scan/der.h"

namespace secure_alloc {

// `whole` is the size with tag and length. Tags of more than one byte don't occur in keys.
bool DerReader::Next(ByteView* content, size_t* whole) const {
  if (rest_.size() < 2 || (rest_[0] & 0x1f) == 0x1f) return false;
  size_t length = rest_[1];
  size_t header = 2;
  if (length >= 0x80) {
    const size_t bytes = length & 0x7f;
    if (bytes == 0 || bytes > 4 || rest_.size() < 2 + bytes) return false;
    length = 0;
    for (size_t i = 0; i < bytes; ++i) length = length << 8 | rest_[2 + i];
    const bool shortest = length >= 0x80 && length >> (8 * (bytes - 1)) != 0;
    if (!shortest) return false;
    header += bytes;
  }
  if (length > rest_.size() - header) return false;
  *content = rest_.subspan(header, length);
  *whole = header + length;
  return true;
}

bool DerReader::Read(uint8_t tag, ByteView* content) {
  size_t whole;
  if (PeekTag() != tag || !Next(content, &whole)) return false;
  rest_ = rest_.subspan(whole);
  return true;
}

bool DerReader::ReadUnsigned(ByteView* magnitude) {
  const ByteView before = rest_;
  ByteView content;
  if (!Read(kDerInteger, &content)) return false;
  const bool negative = !content.empty() && content[0] >= 0x80;
  const bool padded = content.size() > 1 && content[0] == 0 && content[1] < 0x80;
  if (content.empty() || negative || padded) {
    rest_ = before;
    return false;
  }
  *magnitude = content[0] == 0 ? content.subspan(1) : content;
  return true;
}

bool DerReader::ReadSmall(int* value) {
  const ByteView before = rest_;
  ByteView magnitude;
  if (!ReadUnsigned(&magnitude)) return false;
  if (magnitude.size() > 1 || (!magnitude.empty() && magnitude[0] > 127)) {
    rest_ = before;
    return false;
  }
  *value = magnitude.empty() ? 0 : magnitude[0];
  return true;
}

bool DerReader::Skip() {
  ByteView content;
  size_t whole;
  if (!Next(&content, &whole)) return false;
  rest_ = rest_.subspan(whole);
  return true;
}

}  // namespace secure_alloc
