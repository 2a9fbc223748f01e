// io_uring(7), by its system calls.
#include <fcntl.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/conformance/operation.h"

namespace secure_alloc::conformance {
namespace {

// A ring of one request.
class Ring {
 public:
  Ring() {
    io_uring_params params{};
    file_ = static_cast<int>(syscall(SYS_io_uring_setup, 1, &params));
    if (file_ < 0) return;
    submissions_ = Map(IORING_OFF_SQ_RING, params.sq_off.array + sizeof(unsigned));
    completions_ = Map(IORING_OFF_CQ_RING, params.cq_off.cqes + 2 * sizeof(io_uring_cqe));
    entry_ = reinterpret_cast<io_uring_sqe*>(Map(IORING_OFF_SQES, sizeof(io_uring_sqe)));
    params_ = params;
  }
  bool ok() const { return file_ >= 0 && submissions_ && completions_ && entry_; }

  int Register(const iovec& range) const {
    return static_cast<int>(
        syscall(SYS_io_uring_register, file_, IORING_REGISTER_BUFFERS, &range, 1));
  }

  // Its result, as a system call's: -errno on failure. One request in a ring's life.
  int Run(const io_uring_sqe& request) const {
    *entry_ = request;
    *At(submissions_, params_.sq_off.array) = 0;
    __atomic_store_n(At(submissions_, params_.sq_off.tail), 1, __ATOMIC_RELEASE);
    if (syscall(SYS_io_uring_enter, file_, 1, 1, IORING_ENTER_GETEVENTS, nullptr, 0) < 0) {
      return -errno;
    }
    io_uring_cqe completion;
    memcpy(&completion, completions_ + params_.cq_off.cqes, sizeof completion);
    return completion.res;
  }

 private:
  char* Map(off_t offset, size_t size) const {
    void* data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file_, offset);
    return data == MAP_FAILED ? nullptr : static_cast<char*>(data);
  }
  static unsigned* At(char* ring, unsigned offset) {
    return reinterpret_cast<unsigned*>(ring + offset);
  }

  int file_ = -1;
  char *submissions_ = nullptr, *completions_ = nullptr;
  io_uring_sqe* entry_ = nullptr;
  io_uring_params params_{};
};

std::string NoRing() { return NotTried("io_uring_setup: " + ErrorName()); }

io_uring_sqe Request(int operation, int file, const Area& area) {
  io_uring_sqe request{};
  request.opcode = static_cast<unsigned char>(operation);
  request.fd = file;
  request.addr = reinterpret_cast<uintptr_t>(area.data);
  request.len = kPage;
  return request;
}

std::string TryPlain(const Area& area, int operation) {
  const Ring ring;
  if (!ring.ok()) return NoRing();
  const int file = open(Scratch("uring").c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (pwrite(file, area.data, kPage, 0) != static_cast<ssize_t>(kPage)) return ErrorName();
  const int result = ring.Run(Request(operation, file, area));
  if (result != static_cast<int>(kPage)) return ErrorName(-result);
  return area.Intact() ? "works" : kWrongData;
}

std::string TryRegistered(const Area& area, int) {
  const Ring ring;
  if (!ring.ok()) return NoRing();
  if (ring.Register({area.data, kPage}) != 0) return ErrorName();
  const int file = open(Scratch("uring").c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  const int result = ring.Run(Request(IORING_OP_WRITE_FIXED, file, area));
  return result == static_cast<int>(kPage) ? "works" : ErrorName(-result);
}

constexpr Operation kOperations[] = {
    {"io_uring write", TryPlain, IORING_OP_WRITE},
    {"io_uring read", TryPlain, IORING_OP_READ},
    {"io_uring registered buffer", TryRegistered},
};

}  // namespace

std::span<const Operation> UringOperations() { return kOperations; }

}  // namespace secure_alloc::conformance
