// Whole files by read(2), without a library's buffer in between.
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include <optional>
#include <string>

namespace secure_alloc {

// A descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

// Read only, close-on-exec; errno on failure.
Descriptor OpenForReading(const std::string& path);

// As many bytes as there are up to `size`; -1 with errno. Retries when interrupted.
ssize_t ReadFully(int fd, void* data, size_t size);

// Small files such as those of /proc; nothing, with errno, when they can't be read.
std::optional<std::string> ReadText(const std::string& path);

}  // namespace secure_alloc
