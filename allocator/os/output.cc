#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "allocator/os/internal.h"
#include "allocator/os/os.h"

namespace secure_alloc::os {
namespace {

// Which file descriptor 2 was at the start; device 0 before RememberStderr().
constinit struct stat stderr_at_start = {};

bool StderrStatus(struct stat* status) { return Syscall(__NR_fstat, 2, Int(status)) == 0; }

int WriteAll(int file, const char* text, size_t length) {
  while (length > 0) {
    const long written = Syscall(__NR_write, file, Int(text), static_cast<long>(length));
    if (written == -EINTR) continue;
    if (written <= 0) return written == 0 ? EIO : Error(written);
    text += written;
    length -= static_cast<size_t>(written);
  }
  return 0;
}

}  // namespace

void RememberStderr() {
  if (!StderrStatus(&stderr_at_start)) stderr_at_start = {};
}

void WriteStderr(const char* text, size_t length) {
  struct stat now = {};
  if (!StderrStatus(&now) || now.st_dev != stderr_at_start.st_dev ||
      now.st_ino != stderr_at_start.st_ino) {
    return;
  }
  SignalHeld closed_pipe_signal(SIGPIPE);
  (void)WriteAll(2, text, length);  // Nobody is left to tell.
}

size_t ReadFile(const char* path, char* text, size_t size) {
  size_t length = 0;
  const long file = OpenToRead(path);
  if (!Failed(file)) {
    while (length + 1 < size) {
      const long n =
          Syscall(__NR_read, file, Int(text + length), static_cast<long>(size - 1 - length));
      if (n == -EINTR) continue;
      if (n <= 0) break;
      length += static_cast<size_t>(n);
    }
    Syscall(__NR_close, file);
  }
  text[length] = '\0';
  return length;
}

int WriteFile(const char* path, const char* text, size_t length) {
  const long file = Syscall(__NR_openat, AT_FDCWD, Int(path),
                            O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (Failed(file)) return Error(file);
  SignalHeld file_size_signal(SIGXFSZ);
  const int error = WriteAll(static_cast<int>(file), text, length);
  const long closed = Syscall(__NR_close, file);
  return error != 0 ? error : Error(closed);
}

}  // namespace secure_alloc::os
