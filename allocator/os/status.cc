// /proc/PID/status, read without memory of our own. It has no bound: it lists the user's groups.
#include <errno.h>

#include "allocator/os/internal.h"

namespace secure_alloc::os {
namespace {

// Takes the text byte by byte, until it has the field's line.
class FieldReader {
 public:
  FieldReader(const char* field, char* value, size_t size)
      : field_(field), value_(value), left_(size - 1) {}

  // False: the line is over.
  bool Take(char c) {
    if (c == '\n') {
      if (part_ == kValue) return false;
      part_ = kName;
      matched_ = 0;
    } else if (part_ == kName) {
      if (field_[matched_] == c) {
        ++matched_;
      } else {
        part_ = field_[matched_] == '\0' && c == ':' ? kValue : kOther;
      }
    } else if (part_ == kValue && left_ > 0 && c != ' ' && c != '\t') {
      *value_++ = c;
      --left_;
    }
    *value_ = '\0';
    return true;
  }

 private:
  const char* field_;
  char* value_;
  size_t left_;
  size_t matched_ = 0;
  enum { kName, kValue, kOther } part_ = kName;
};

}  // namespace

int ReadStatus(const char* path, const char* field, char* value, size_t size) {
  const long file = OpenToRead(path);
  if (Failed(file)) return Error(file);
  FieldReader reader(field, value, size);
  char piece[512];
  bool found = false;
  long length = 0;
  while (!found && (length = Syscall(__NR_read, file, Int(piece), sizeof piece)) > 0) {
    for (long i = 0; i < length && !found; ++i) found = !reader.Take(piece[i]);
  }
  Syscall(__NR_close, file);  // Read only.
  return found ? 0 : Failed(length) ? Error(length) : ENODATA;
}

}  // namespace secure_alloc::os
