// Others who look into a process that holds the memory.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/conformance/operation.h"
#include "tests/conformance/victim.h"

namespace secure_alloc::conformance {
namespace {

std::string NoVictim() { return NotTried("no process to look into"); }

// What an observer who may not look at all gets says nothing of the memory.
std::string Refusable(bool done) {
  if (!done && (errno == EPERM || errno == EACCES)) return NotTried("refused: " + ErrorName());
  return Done(done);
}

bool IsPattern(const char* bytes, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    if (bytes[i] != PatternAt(i)) return false;
  }
  return true;
}

std::string TryPeek(const Area& area, int) {
  Victim victim(area.kind, Victim::Then::kStopTraced);
  if (!victim.ok() || !victim.Wait()) return NoVictim();
  errno = 0;
  const long word = ptrace(PTRACE_PEEKDATA, victim.pid(), victim.data(), nullptr);
  if (errno != 0) return Refusable(false);
  return IsPattern(reinterpret_cast<const char*>(&word), sizeof word) ? "works" : kWrongData;
}

std::string TryPoke(const Area& area, int) {
  Victim victim(area.kind, Victim::Then::kStopTraced);
  if (!victim.ok() || !victim.Wait()) return NoVictim();
  return Refusable(ptrace(PTRACE_POKEDATA, victim.pid(), victim.data(), nullptr) == 0);
}

std::string TryVmRead(const Area& area, int) {
  const Victim victim(area.kind);
  if (!victim.ok()) return NoVictim();
  char bytes[64];
  const iovec here{bytes, sizeof bytes}, there{victim.data(), sizeof bytes};
  if (process_vm_readv(victim.pid(), &here, 1, &there, 1, 0) != sizeof bytes) {
    return Refusable(false);
  }
  return IsPattern(bytes, sizeof bytes) ? "works" : kWrongData;
}

std::string TryVmWrite(const Area& area, int) {
  const Victim victim(area.kind);
  if (!victim.ok()) return NoVictim();
  char byte = 1;
  const iovec here{&byte, 1}, there{victim.data(), 1};
  return Refusable(process_vm_writev(victim.pid(), &here, 1, &there, 1, 0) == 1);
}

std::string TryMem(const Area& area, int mode) {
  const Victim victim(area.kind);
  if (!victim.ok()) return NoVictim();
  const std::string path = "/proc/" + std::to_string(victim.pid()) + "/mem";
  const int file = open(path.c_str(), mode);
  if (file < 0) return Refusable(false);
  char byte = 1;
  const off_t at = reinterpret_cast<off_t>(victim.data());
  if (mode == O_RDWR) return Refusable(pwrite(file, &byte, 1, at) == 1);
  if (pread(file, &byte, 1, at) != 1) return Refusable(false);
  return byte == PatternAt(0) ? "works" : kWrongData;
}

// Whoever may ptrace takes the descriptor, if it is still open, and maps the pages.
std::string TryPidfdGetfd(const Area& area, int) {
  const Victim victim(area.kind);
  if (!victim.ok()) return NoVictim();
  if (victim.file() < 0) return kNoFile;
  const int process = static_cast<int>(syscall(SYS_pidfd_open, victim.pid(), 0));
  const int file = static_cast<int>(syscall(SYS_pidfd_getfd, process, victim.file(), 0));
  if (file < 0) return Refusable(false);
  void* data = mmap(nullptr, area.size, PROT_READ, MAP_SHARED, file, 0);
  if (data == MAP_FAILED) return ErrorName();
  return IsPattern(static_cast<const char*>(data), area.size) ? "works" : kWrongData;
}

constexpr Operation kOperations[] = {
    {"ptrace PEEK", TryPeek},
    {"ptrace POKE", TryPoke},
    {"process_vm_readv(2)", TryVmRead},
    {"process_vm_writev(2)", TryVmWrite},
    {"/proc/PID/mem, read", TryMem, O_RDONLY},
    {"/proc/PID/mem, write", TryMem, O_RDWR},
    {"pidfd_getfd(2) of its open file", TryPidfdGetfd},
};

}  // namespace

std::span<const Operation> ObserverOperations() { return kOperations; }

}  // namespace secure_alloc::conformance
