// Calls on the file behind secret memory, for a program that keeps it open. secure_alloc doesn't.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "tests/conformance/operation.h"

namespace secure_alloc::conformance {
namespace {

// Calls `F` on areas that have a file.
template <auto F>
std::string OnFile(const Area& area, int argument) {
  return area.file < 0 ? kNoFile : F(area, argument);
}

std::string TryRead(const Area& area, int) {
  char byte;
  return Done(pread(area.file, &byte, 1, 0) == 1);
}

std::string TryWrite(const Area& area, int) { return Done(pwrite(area.file, "x", 1, 0) == 1); }

std::string TryResize(const Area& area, int pages) {
  return Done(ftruncate(area.file, pages * static_cast<off_t>(kPage)) == 0);
}

std::string TryPunch(const Area& area, int) {
  return Done(fallocate(area.file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kPage) == 0);
}

std::string TrySeal(const Area& area, int) {
  return Done(fcntl(area.file, F_ADD_SEALS, F_SEAL_WRITE) == 0);
}

std::string TrySendfile(const Area& area, int) {
  int ends[2];
  if (pipe(ends) != 0) return ErrorName();
  off_t from = 0;
  return Done(sendfile(ends[1], area.file, &from, kPage) == static_cast<ssize_t>(kPage));
}

std::string TrySplice(const Area& area, int) {
  int ends[2];
  if (pipe(ends) != 0) return ErrorName();
  off_t from = 0;
  return Done(splice(area.file, &from, ends[1], nullptr, kPage, 0) == static_cast<ssize_t>(kPage));
}

std::string TryReopen(const Area& area, int) {
  return Done(open(("/proc/self/fd/" + std::to_string(area.file)).c_str(), O_RDWR) >= 0);
}

std::string TryMap(const Area& area, int flags) {
  return Done(mmap(nullptr, area.size, PROT_READ, flags, area.file, 0) != MAP_FAILED);
}

constexpr Operation kOperations[] = {
    {"its file: read(2)", OnFile<TryRead>},
    {"its file: write(2)", OnFile<TryWrite>},
    {"its file: ftruncate(2), shrinking", OnFile<TryResize>, 1},
    {"its file: ftruncate(2), growing", OnFile<TryResize>, 2 * kPages},
    {"its file: fallocate(2), a hole", OnFile<TryPunch>},
    {"its file: F_ADD_SEALS", OnFile<TrySeal>},
    {"its file: sendfile(2)", OnFile<TrySendfile>},
    {"its file: splice(2)", OnFile<TrySplice>},
    {"its file: opened again by /proc", OnFile<TryReopen>},
    {"its file: mmap(2), MAP_SHARED", OnFile<TryMap>, MAP_SHARED},
    {"its file: mmap(2), MAP_PRIVATE", OnFile<TryMap>, MAP_PRIVATE},
};

}  // namespace

std::span<const Operation> FileOperations() { return kOperations; }

}  // namespace secure_alloc::conformance
