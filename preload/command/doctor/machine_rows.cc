#include "preload/command/doctor/machine_rows.h"

#include <linux/capability.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "preload/command/common/file_io.h"
#include "preload/command/common/message.h"
#include "preload/command/run/library.h"

namespace secure_alloc {
namespace {

constexpr ino_t kFirstUserNamespace = 0xeffffffd;  // PROC_USER_INIT_INO in the kernel
constexpr unsigned long long kUsualMaps = 65530;

// Without its last new line; `otherwise` if there is no such file.
std::string Line(const std::string& path, const std::string& otherwise) {
  std::string text = ReadText(path).value_or(otherwise);
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

// A field of /proc/self/status.
std::string Status(const std::string& name) {
  const std::string text = "\n" + Line("/proc/self/status", "");
  const size_t at = text.find("\n" + name + ":");
  if (at == std::string::npos) return "";
  const size_t begin = text.find_first_not_of(" \t", at + name.size() + 2);
  return text.substr(begin, text.find('\n', begin) - begin);
}

Row NamespaceRow() {
  if (InFirstUserNamespace()) {
    return {"user namespace", State::kOk, "the machine's own", "privileges mean what they say", ""};
  }
  return {"user namespace", State::kLimited, "one of a container or sandbox",
          "its root has no CAP_IPC_LOCK where it counts: the memlock limit holds",
          "raise the limit outside: docker or podman run --ulimit memlock=268435456"};
}

Row IpcLockRow() {
  if (HasIpcLock() && InFirstUserNamespace()) {
    return {"CAP_IPC_LOCK", State::kOk, "yes", "locked memory is not limited", ""};
  }
  return {"CAP_IPC_LOCK", State::kOk, "no", "the memlock limit holds", ""};
}

Row SeccompRow() {
  const std::string mode = Status("Seccomp");
  if (mode == "0") return {"seccomp", State::kOk, "off", "no sandbox around this process", ""};
  if (mode.empty()) {
    return {"seccomp", State::kOk, "not in this kernel", "no sandbox around this process", ""};
  }
  return {"seccomp", State::kLimited, mode == "1" ? "strict" : "filter",
          "a sandbox is around this process; the first row shows what it allows", ""};
}

Row MapCountRow() {
  const std::string value = Line("/proc/sys/vm/max_map_count", "unknown");
  if (strtoull(value.c_str(), nullptr, 10) >= kUsualMaps) {
    return {"max_map_count", State::kOk, value, "room for guard pages", ""};
  }
  return {"max_map_count", State::kLimited, value,
          "guard pages are given up early when a program has many large objects",
          "sysctl -w vm.max_map_count=65530"};
}

Row OvercommitRow() {
  const std::string value = Line("/proc/sys/vm/overcommit_memory", "unknown");
  if (value != "2") return {"overcommit", State::kOk, value, "address space may be reserved", ""};
  return {"overcommit", State::kLimited, value,
          "strict: memory counts when it is mapped, not when it is used",
          "sysctl -w vm.overcommit_memory=0, or a higher vm.overcommit_ratio"};
}

Row SwapRow() {
  const std::string swaps = Line("/proc/swaps", "");
  if (swaps.find("\n/") == std::string::npos) {
    return {"swap", State::kOk, "off", "no memory goes to a disk", ""};
  }
  return {"swap", State::kOk, "on", "secret and locked memory is never swapped; other memory is",
          ""};
}

Row HibernationRow() {
  if (Line("/sys/power/state", "").find("disk") == std::string::npos) {
    return {"hibernation", State::kOk, "not possible here", "nothing to give up", ""};
  }
  return {"hibernation", State::kLimited, "possible",
          "the kernel refuses to hibernate while any program has secret memory",
          "end protected programs before hibernating"};
}

Row CoreRow() {
  return {"core_pattern", State::kOk, Line("/proc/sys/kernel/core_pattern", "unknown"),
          "core dumps hold ordinary memory, never secret memory", ""};
}

Row PtraceRow() {
  const std::string value = Line("/proc/sys/kernel/yama/ptrace_scope", "");
  if (!value.empty() && value != "0") {
    return {"ptrace_scope", State::kOk, value, "other programs of a user can't attach", ""};
  }
  return {"ptrace_scope", State::kLimited, value.empty() ? "no Yama" : value,
          "any program of the same user can attach and make a program give its secrets out",
          value.empty() ? "boot with yama in the kernel's lsm= list, then "
                          "sysctl -w kernel.yama.ptrace_scope=1"
                        : "sysctl -w kernel.yama.ptrace_scope=1"};
}

Row LibraryRow() {
  std::string error;
  const std::string path = FindLibrary("", &error);
  if (!path.empty()) return {"library", State::kOk, path, "secalloc run can preload it", ""};
  return {"library", State::kMissing, "not found", "secalloc run has nothing to preload", error};
}

}  // namespace

bool InFirstUserNamespace() {
  struct stat status;
  return stat("/proc/self/ns/user", &status) != 0 || status.st_ino == kFirstUserNamespace;
}

bool HasIpcLock() {
  return (strtoull(Status("CapEff").c_str(), nullptr, 16) >> CAP_IPC_LOCK & 1) != 0;
}

std::vector<Row> MachineRows() {
  return {IpcLockRow(), NamespaceRow(),   SeccompRow(), MapCountRow(), OvercommitRow(),
          SwapRow(),    HibernationRow(), CoreRow(),    PtraceRow(),   LibraryRow()};
}

}  // namespace secure_alloc
