// System calls that copy from or to the memory, through the kernel's own buffers.
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/conformance/operation.h"

namespace secure_alloc::conformance {
namespace {

struct Pair {
  int out = -1, in = -1;
};

Pair Pipe() {
  int ends[2];
  return pipe(ends) == 0 ? Pair{ends[1], ends[0]} : Pair{};
}

Pair Sockets() {
  int ends[2];
  return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 ? Pair{ends[0], ends[1]} : Pair{};
}

// The first page, as it comes out at the other end.
std::string Arrived(int in) {
  char page[kPage];
  if (read(in, page, kPage) != static_cast<ssize_t>(kPage)) return ErrorName();
  for (size_t i = 0; i < kPage; ++i) {
    if (page[i] != PatternAt(i)) return kWrongData;
  }
  return "works";
}

std::string IsPage(ssize_t n, int in) {
  return n == static_cast<ssize_t>(kPage) ? Arrived(in) : ErrorName();
}

std::string TryWrite(const Area& area, int) {
  const Pair pair = Pipe();
  return IsPage(write(pair.out, area.data, kPage), pair.in);
}

// In from `in`, into the second page, and compared there.
std::string TryRead(const Area& area, int) {
  const Pair pair = Pipe();
  char* to = area.data + kPage;
  if (write(pair.out, area.data, kPage) != static_cast<ssize_t>(kPage)) return ErrorName();
  if (read(pair.in, to, kPage) != static_cast<ssize_t>(kPage)) return ErrorName();
  return memcmp(to, area.data, kPage) == 0 ? "works" : kWrongData;
}

std::string TrySend(const Area& area, int) {
  const Pair pair = Sockets();
  return IsPage(send(pair.out, area.data, kPage, 0), pair.in);
}

std::string TryReceive(const Area& area, int) {
  const Pair pair = Sockets();
  char* to = area.data + kPage;
  if (send(pair.out, area.data, kPage, 0) != static_cast<ssize_t>(kPage)) return ErrorName();
  if (recv(pair.in, to, kPage, MSG_WAITALL) != static_cast<ssize_t>(kPage)) return ErrorName();
  return memcmp(to, area.data, kPage) == 0 ? "works" : kWrongData;
}

std::string TryGetrandom(const Area& area, int) {
  return Done(getrandom(area.data, kPage, 0) == static_cast<ssize_t>(kPage));
}

std::string TryExec(const Area& area, int) {
  constexpr int kStatus = 7;
  strcpy(area.data, "exit 7");
  const pid_t child = fork();
  if (child == 0) {
    execl("/bin/sh", "sh", "-c", area.data, nullptr);
    _exit(errno);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return ErrorName();
  return WEXITSTATUS(status) == kStatus ? "works" : ErrorName(WEXITSTATUS(status));
}

std::string TryVmsplice(const Area& area, int flags) {
  const Pair pair = Pipe();
  const iovec range{area.data, kPage};
  return IsPage(vmsplice(pair.out, &range, 1, static_cast<unsigned>(flags)), pair.in);
}

// What a pipe holds already is the kernel's: tee and splice never see the memory.
std::string TryTeeAndSplice(const Area& area, int) {
  const Pair first = Pipe(), second = Pipe(), third = Pipe();
  if (write(first.out, area.data, kPage) != static_cast<ssize_t>(kPage)) return ErrorName();
  if (tee(first.in, second.out, kPage, 0) != static_cast<ssize_t>(kPage)) return ErrorName();
  return IsPage(splice(second.in, nullptr, third.out, nullptr, kPage, 0), third.in);
}

std::string TrySendfile(const Area& area, int) {
  const int file = open(Scratch("sendfile").c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (write(file, area.data, kPage) != static_cast<ssize_t>(kPage)) return ErrorName();
  const Pair pair = Sockets();
  off_t from = 0;
  return IsPage(sendfile(pair.out, file, &from, kPage), pair.in);
}

constexpr Operation kOperations[] = {
    {"write(2)", TryWrite},
    {"read(2)", TryRead},
    {"send(2)", TrySend},
    {"recv(2)", TryReceive},
    {"getrandom(2)", TryGetrandom},
    {"arguments of execve(2)", TryExec},
    {"write to a file, sendfile(2) from it", TrySendfile},
    {"write to a pipe, tee(2) and splice(2) from it", TryTeeAndSplice},
    {"vmsplice(2)", TryVmsplice, 0},
    {"vmsplice(2), SPLICE_F_GIFT", TryVmsplice, SPLICE_F_GIFT},
};

}  // namespace

std::span<const Operation> IoOperations() { return kOperations; }

}  // namespace secure_alloc::conformance
