#include "preload/command/common/private_pages.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "preload/command/common/message.h"

namespace secure_alloc {
namespace {

constexpr size_t kPage = 4096;

// The kernel may refuse secret pages as late as at the first touch, by SIGBUS. Touched
// by a system call instead, the refusal is an error code.
bool FaultIn(uint8_t* data, size_t size) {
  for (size_t at = 0; at < size; at += kPage) {
    if (getrandom(data + at, 1, 0) != 1) return false;
    data[at] = 0;
  }
  return true;
}

uint8_t* MapSecret(size_t size) {
  const int fd = static_cast<int>(syscall(SYS_memfd_secret, 0));
  if (fd < 0) return nullptr;
  void* data = MAP_FAILED;
  if (ftruncate(fd, static_cast<off_t>(size)) == 0) {
    data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  close(fd);
  if (data == MAP_FAILED) return nullptr;
  if (FaultIn(static_cast<uint8_t*>(data), size)) return static_cast<uint8_t*>(data);
  munmap(data, size);
  return nullptr;
}

uint8_t* MapOrdinary(size_t size) {
  void* data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return nullptr;
  madvise(data, size, MADV_DONTDUMP);  // Best effort: the pages are wiped in any case.
  return static_cast<uint8_t*>(data);
}

}  // namespace

PrivatePages::PrivatePages(size_t size) : size_((size + kPage - 1) / kPage * kPage) {
  data_ = MapSecret(size_);
  if (data_ == nullptr) data_ = MapOrdinary(size_);
  if (data_ == nullptr) Die("no memory for %zu bytes: %s", size_, strerror(errno));
}

PrivatePages::~PrivatePages() {
  if (data_ == nullptr) return;
  explicit_bzero(data_, size_);
  munmap(data_, size_);
}

PrivatePages::PrivatePages(PrivatePages&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

}  // namespace secure_alloc
