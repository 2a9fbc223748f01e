#include "preload/command/common/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace secure_alloc {

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

Descriptor::Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Descriptor OpenForReading(const std::string& path) {
  return Descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

ssize_t ReadFully(int fd, void* data, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t n = read(fd, static_cast<char*>(data) + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return static_cast<ssize_t>(done);
}

std::optional<std::string> ReadText(const std::string& path) {
  const Descriptor file = OpenForReading(path);
  if (!file.ok()) return std::nullopt;
  std::string text;
  constexpr size_t kStep = 65536;
  for (;;) {
    const size_t before = text.size();
    text.resize(before + kStep);
    const ssize_t n = ReadFully(file.get(), text.data() + before, kStep);
    if (n < 0) return std::nullopt;
    text.resize(before + static_cast<size_t>(n));
    if (static_cast<size_t>(n) < kStep) return text;
  }
}

}  // namespace secure_alloc
