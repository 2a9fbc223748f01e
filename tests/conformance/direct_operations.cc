// I/O that hands the memory's own pages to a device: O_DIRECT, AIO, zero-copy send.
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tests/conformance/operation.h"

namespace secure_alloc::conformance {
namespace {

constexpr ssize_t kOnePage = static_cast<ssize_t>(kPage);

// -1 also on tmpfs, which takes the flag and copies.
int DirectFile() {
  const int file = open(Scratch("direct").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_DIRECT, 0600);
  struct statfs system {};
  return file < 0 || fstatfs(file, &system) != 0 || system.f_type == TMPFS_MAGIC ? -1 : file;
}

int PlainFile(int flags) { return open(Scratch("direct").c_str(), flags, 0600); }

const std::string& NoDirectFile() {
  static const std::string text = NotTried("no O_DIRECT on the file system of TMPDIR");
  return text;
}

std::string TryDirectWrite(const Area& area, int) {
  const int file = DirectFile();
  if (file < 0) return NoDirectFile();
  if (pwrite(file, area.data, kPage, 0) != kOnePage) return ErrorName();
  char page[kPage];
  const int plain = PlainFile(O_RDONLY);
  if (read(plain, page, kPage) != kOnePage) return ErrorName();
  return memcmp(page, area.data, kPage) == 0 ? "works" : kWrongData;
}

std::string TryDirectRead(const Area& area, int) {
  const int file = DirectFile();
  if (file < 0) return NoDirectFile();
  const int plain = PlainFile(O_WRONLY);
  if (write(plain, area.data, kPage) != kOnePage || fsync(plain) != 0) return ErrorName();
  char* to = area.data + kPage;
  if (pread(file, to, kPage, 0) != kOnePage) return ErrorName();
  return memcmp(to, area.data, kPage) == 0 ? "works" : kWrongData;
}

std::string TryAio(const Area& area, int direct) {
  const int file = direct != 0 ? DirectFile() : PlainFile(O_RDWR | O_CREAT | O_TRUNC);
  if (file < 0) return NoDirectFile();
  aio_context_t context = 0;
  if (syscall(SYS_io_setup, 1, &context) != 0) return NotTried("io_setup: " + ErrorName());
  iocb request{};
  request.aio_fildes = static_cast<unsigned>(file);
  request.aio_lio_opcode = IOCB_CMD_PWRITE;
  request.aio_buf = reinterpret_cast<uintptr_t>(area.data);
  request.aio_nbytes = kPage;
  iocb* requests[] = {&request};
  if (syscall(SYS_io_submit, context, 1, requests) != 1) return ErrorName();
  io_event event{};
  if (syscall(SYS_io_getevents, context, 1, 1, &event, nullptr) != 1) return ErrorName();
  return event.res == kOnePage ? "works" : ErrorName(static_cast<int>(-event.res));
}

// Two ends of a TCP connection on loopback; false if there is no network.
bool Connect(int* sender, int* receiver) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  *sender = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, generic, size) != 0 || listen(listener, 1) != 0 ||
      getsockname(listener, generic, &size) != 0 || connect(*sender, generic, size) != 0) {
    return false;
  }
  *receiver = accept(listener, nullptr, nullptr);
  return *receiver >= 0;
}

std::string TryZeroCopySend(const Area& area, int) {
  int sender, receiver;
  if (!Connect(&sender, &receiver)) return NotTried("no TCP on loopback");
  const int on = 1;
  if (setsockopt(sender, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on) != 0) {
    return NotTried("SO_ZEROCOPY: " + ErrorName());
  }
  if (send(sender, area.data, kPage, MSG_ZEROCOPY) != kOnePage) return ErrorName();
  char page[kPage];
  if (recv(receiver, page, kPage, MSG_WAITALL) != kOnePage) return ErrorName();
  return memcmp(page, area.data, kPage) == 0 ? "works" : kWrongData;
}

std::string TryRdma(const Area&, int) {
  if (access("/sys/class/infiniband", F_OK) != 0) return NotTried("no RDMA device");
  return NotTried("needs the device's own library");
}

constexpr Operation kOperations[] = {
    {"O_DIRECT write", TryDirectWrite},
    {"O_DIRECT read", TryDirectRead},
    {"AIO write", TryAio, 0},
    {"AIO write, O_DIRECT", TryAio, 1},
    {"send, MSG_ZEROCOPY", TryZeroCopySend},
    {"RDMA registration", TryRdma},
};

}  // namespace

std::span<const Operation> DirectOperations() { return kOperations; }

}  // namespace secure_alloc::conformance
