#include "allocator/base/text.h"

#include "allocator/os/os.h"

namespace secure_alloc {

TextBuffer& TextBuffer::Append(const char* text, size_t length) {
  for (size_t i = 0; i < length; ++i) {
    if (size_ == capacity_) {
      truncated_ = true;
      break;
    }
    buffer_[size_++] = text[i];
  }
  return *this;
}

TextBuffer& TextBuffer::operator<<(const char* text) {
  size_t length = 0;
  while (text[length] != '\0') ++length;
  return Append(text, length);
}

TextBuffer& TextBuffer::operator<<(uint64_t number) {
  char digits[20];
  size_t first = sizeof digits;
  do {
    digits[--first] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  return Append(digits + first, sizeof digits - first);
}

TextBuffer& TextBuffer::operator<<(Hex number) {
  char digits[18] = {'0', 'x'};
  size_t size = 2;
  for (int shift = 60; shift >= 0; shift -= 4) {
    const unsigned digit = (number.value >> shift) & 15;
    if (digit != 0 || size > 2 || shift == 0) digits[size++] = "0123456789abcdef"[digit];
  }
  return Append(digits, size);
}

void Line::WriteStderr() {
  storage_[size()] = '\n';
  os::WriteStderr(storage_, size() + 1);
}

}  // namespace secure_alloc
