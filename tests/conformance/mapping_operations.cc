// Calls that change the mapping.
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/conformance/operation.h"

namespace secure_alloc::conformance {
namespace {

constexpr int kAccess = PROT_READ | PROT_WRITE;
constexpr long kMseal = 462;  // Newer than Debian 12's headers; the same on every machine.

std::string Works(const Area& area) { return std::string("works") + area.Contents(); }

Area Moved(const Area& area, void* to, size_t size) {
  return {area.kind, static_cast<char*>(to), size, area.file};
}

std::string TryMlock(const Area& area, int flags) {
  return Done(mlock2(area.data, area.size, static_cast<unsigned>(flags)) == 0);
}

std::string TryMunlock(const Area& area, int) { return Done(munlock(area.data, area.size) == 0); }

std::string TryMprotect(const Area& area, int access) {
  return Done(mprotect(area.data, area.size, access) == 0);
}

std::string TryPkey(const Area& area, int) {
  const int key = pkey_alloc(0, 0);
  if (key < 0) return NotTried("no protection keys");
  return Done(pkey_mprotect(area.data, area.size, kAccess, key) == 0);
}

// Moved over other pages, as a child's copy is.
std::string TryMove(const Area& area, int flags) {
  void* to = mmap(nullptr, area.size, kAccess, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  void* at = mremap(area.data, area.size, area.size, MREMAP_MAYMOVE | MREMAP_FIXED | flags, to);
  return at == MAP_FAILED ? ErrorName() : Works(Moved(area, at, area.size));
}

std::string TryGrow(const Area& area, int) {
  void* at = mremap(area.data, area.size, 2 * area.size, MREMAP_MAYMOVE);
  return at == MAP_FAILED ? ErrorName() : Works(Moved(area, at, area.size));
}

std::string TryShrink(const Area& area, int) {
  void* at = mremap(area.data, area.size, kPage, 0);
  return at == MAP_FAILED ? ErrorName() : Works(Moved(area, at, kPage));
}

// Old size 0: a second mapping of the same pages.
std::string TryAlias(const Area& area, int) {
  void* at = mremap(area.data, 0, area.size, MREMAP_MAYMOVE);
  return at == MAP_FAILED ? ErrorName() : Works(Moved(area, at, area.size));
}

std::string TryUnmapPart(const Area& area, int) {
  return Done(munmap(area.data + kPage, kPage) == 0);
}

std::string TryMseal(const Area& area, int) {
  if (syscall(kMseal, area.data, area.size, 0) != 0) return ErrorName();
  return mprotect(area.data, area.size, PROT_READ) != 0 ? "works" : "not held";
}

int OpenUserfaultfd() {
  const int all = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC));
  if (all >= 0) return all;
  return static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY));
}

std::string TryUserfaultfd(const Area& area, int) {
  const int file = OpenUserfaultfd();
  uffdio_api api{};
  api.api = UFFD_API;
  if (file < 0 || ioctl(file, UFFDIO_API, &api) != 0) {
    return NotTried("userfaultfd: " + ErrorName());
  }
  uffdio_register range{};
  range.range = {reinterpret_cast<uintptr_t>(area.data), area.size};
  range.mode = UFFDIO_REGISTER_MODE_MISSING;
  return Done(ioctl(file, UFFDIO_REGISTER, &range) == 0);
}

std::string TryMsync(const Area& area, int) {
  return Done(msync(area.data, area.size, MS_SYNC) == 0);
}

std::string TryMincore(const Area& area, int) {
  unsigned char resident[kPages];
  if (mincore(area.data, area.size, resident) != 0) return ErrorName();
  return (resident[0] & 1) != 0 ? "works" : "works, says absent";
}

std::string TryFork(const Area& area, int) {
  const pid_t child = fork();
  if (child == 0) {
    area.data[0] = static_cast<char>(~area.data[0]);
    _exit(0);
  }
  if (child < 0 || waitpid(child, nullptr, 0) != child) return ErrorName();
  return area.Intact() ? "own copy" : "shared";
}

constexpr Operation kOperations[] = {
    {"fork(2): the child's writes", TryFork},
    {"mlock(2)", TryMlock, 0},
    {"mlock2(2), MLOCK_ONFAULT", TryMlock, MLOCK_ONFAULT},
    {"munlock(2)", TryMunlock},
    {"mprotect(2), PROT_NONE", TryMprotect, PROT_NONE},
    {"mprotect(2), PROT_READ", TryMprotect, PROT_READ},
    {"mprotect(2), PROT_EXEC", TryMprotect, PROT_READ | PROT_EXEC},
    {"pkey_mprotect(2)", TryPkey},
    {"mremap(2), moved over other pages", TryMove, 0},
    {"mremap(2), MREMAP_DONTUNMAP", TryMove, MREMAP_DONTUNMAP},
    {"mremap(2), growing", TryGrow},
    {"mremap(2), shrinking", TryShrink},
    {"mremap(2), old size 0", TryAlias},
    {"munmap(2), a part", TryUnmapPart},
    {"mseal(2)", TryMseal},
    {"userfaultfd(2), registering", TryUserfaultfd},
    {"msync(2)", TryMsync},
    {"mincore(2)", TryMincore},
};

}  // namespace

std::span<const Operation> MappingOperations() { return kOperations; }

}  // namespace secure_alloc::conformance
