// A process that holds an area of its own and waits, for others to look into.
#pragma once

#include <sys/types.h>

#include "tests/conformance/area.h"

namespace secure_alloc::conformance {

class Victim {
 public:
  enum class Then { kPause, kStopTraced, kAbort };
  // Aborting victims do so in `folder`, with room for a core file.
  explicit Victim(Kind kind, Then then = Then::kPause, const char* folder = nullptr);
  ~Victim();
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;

  bool ok() const { return pid_ > 0 && data_ != nullptr; }
  pid_t pid() const { return pid_; }
  char* data() const { return data_; }  // in the victim's memory
  int file() const { return file_; }    // the victim's descriptor
  // Waits for its end, or for its stop if it is traced.
  bool Wait();

 private:
  pid_t pid_;
  char* data_ = nullptr;
  int file_ = -1;
};

}  // namespace secure_alloc::conformance
