// madvise(2), advice by advice.
#include <sys/mman.h>

#include "tests/conformance/operation.h"

namespace secure_alloc::conformance {
namespace {

// Newer than Debian 12's C library; the same on every machine that Debian has.
constexpr int kDontneedLocked = 24, kCollapse = 25, kGuardInstall = 102, kGuardRemove = 103;
constexpr size_t kHugePage = size_t{2} << 20;

std::string TryAdvice(const Area& area, int advice) {
  if (madvise(area.data, area.size, advice) != 0) return ErrorName();
  // A page that is free to go may be gone or not.
  return std::string("works") + (advice == MADV_FREE ? "" : area.Contents());
}

std::string TryCollapse(const Area& area, int) {
  const Area large = MakeArea(area.kind, kHugePage, kHugePage);
  if (large.data == nullptr) return NotTried("no 2 MiB of it (" + ErrorName() + ")");
  return TryAdvice(large, kCollapse);
}

std::string TryPoison(const Area&, int) { return NotTried("it takes pages from the machine"); }

constexpr Operation kOperations[] = {
    {"MADV_NORMAL", TryAdvice, MADV_NORMAL},
    {"MADV_RANDOM", TryAdvice, MADV_RANDOM},
    {"MADV_SEQUENTIAL", TryAdvice, MADV_SEQUENTIAL},
    {"MADV_WILLNEED", TryAdvice, MADV_WILLNEED},
    {"MADV_DONTNEED", TryAdvice, MADV_DONTNEED},
    {"MADV_DONTNEED_LOCKED", TryAdvice, kDontneedLocked},
    {"MADV_FREE", TryAdvice, MADV_FREE},
    {"MADV_REMOVE", TryAdvice, MADV_REMOVE},
    {"MADV_COLD", TryAdvice, MADV_COLD},
    {"MADV_PAGEOUT", TryAdvice, MADV_PAGEOUT},
    {"MADV_POPULATE_READ", TryAdvice, MADV_POPULATE_READ},
    {"MADV_POPULATE_WRITE", TryAdvice, MADV_POPULATE_WRITE},
    {"MADV_DONTDUMP", TryAdvice, MADV_DONTDUMP},
    {"MADV_DODUMP", TryAdvice, MADV_DODUMP},
    {"MADV_DONTFORK", TryAdvice, MADV_DONTFORK},
    {"MADV_DOFORK", TryAdvice, MADV_DOFORK},
    {"MADV_WIPEONFORK", TryAdvice, MADV_WIPEONFORK},
    {"MADV_KEEPONFORK", TryAdvice, MADV_KEEPONFORK},
    {"MADV_MERGEABLE", TryAdvice, MADV_MERGEABLE},
    {"MADV_UNMERGEABLE", TryAdvice, MADV_UNMERGEABLE},
    {"MADV_HUGEPAGE", TryAdvice, MADV_HUGEPAGE},
    {"MADV_NOHUGEPAGE", TryAdvice, MADV_NOHUGEPAGE},
    {"MADV_COLLAPSE", TryCollapse},
    {"MADV_GUARD_INSTALL", TryAdvice, kGuardInstall},
    {"MADV_GUARD_REMOVE", TryAdvice, kGuardRemove},
    {"MADV_HWPOISON, MADV_SOFT_OFFLINE", TryPoison},
};

}  // namespace

std::span<const Operation> AdviceOperations() { return kOperations; }

}  // namespace secure_alloc::conformance
