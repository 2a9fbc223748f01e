// A message of bounded length, built without allocation and written in one call.
//
//   Line line;
//   line << "secure_alloc: budget of " << uint64_t{n} << " bytes spent";
//   line.WriteStderr();
#pragma once

#include <cstddef>
#include <cstdint>

namespace secure_alloc {

struct Hex {
  uintptr_t value;
};

// Text beyond the capacity is dropped, and truncated() says so.
class TextBuffer {
 public:
  TextBuffer(char* buffer, size_t capacity) : buffer_(buffer), capacity_(capacity) {}
  TextBuffer(const TextBuffer&) = delete;
  TextBuffer& operator=(const TextBuffer&) = delete;

  TextBuffer& operator<<(const char* text);
  TextBuffer& operator<<(uint64_t number);
  TextBuffer& operator<<(Hex number);
  TextBuffer& Append(const char* text, size_t length);

  const char* data() const { return buffer_; }
  size_t size() const { return size_; }
  bool truncated() const { return truncated_; }

 private:
  char* buffer_;
  size_t capacity_;
  size_t size_ = 0;
  bool truncated_ = false;
};

// A line for standard error; WriteStderr() ends it.
class Line : public TextBuffer {
 public:
  Line() : TextBuffer(storage_, sizeof storage_ - 1) {}
  void WriteStderr();

 private:
  char storage_[512];
};

}  // namespace secure_alloc
