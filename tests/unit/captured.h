// What the library tells on standard error, while a pipe is in its place.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "allocator/os/os.h"

namespace secure_alloc::test {

enum class Descriptor { kTheOneAtStart, kAnotherFile };

template <typename Write>
std::string Captured(Write write, Descriptor descriptor = Descriptor::kTheOneAtStart) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return "no pipe";
  const int saved = dup(2);
  os::RememberStderr();
  dup2(ends[1], 2);
  if (descriptor == Descriptor::kTheOneAtStart) os::RememberStderr();
  write();
  dup2(saved, 2);
  os::RememberStderr();
  std::string text(1 << 16, '\0');
  const ssize_t size = read(ends[0], text.data(), text.size());
  text.resize(size > 0 ? static_cast<size_t>(size) : 0);
  for (const int file : {ends[0], ends[1], saved}) close(file);
  return text;
}

}  // namespace secure_alloc::test
