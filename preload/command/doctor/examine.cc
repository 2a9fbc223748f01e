#include <linux/capability.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "preload/command/common/file_io.h"
#include "preload/command/doctor/container.h"
#include "preload/command/doctor/facts.h"
#include "preload/command/doctor/files.h"
#include "preload/command/run/library.h"

namespace secure_alloc {
namespace {

constexpr ino_t kFirstUserNamespace = 0xeffffffd;  // PROC_USER_INIT_INO in the kernel

bool InFirstUserNamespace() {
  struct stat status;
  return stat("/proc/self/ns/user", &status) != 0 || status.st_ino == kFirstUserNamespace;
}

// By the system call: there may be no /proc.
bool HasCapability(int capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  return syscall(SYS_capget, &header, data) == 0 && (data[0].effective >> capability & 1) != 0;
}

std::string UserName() {
  const passwd* entry = getpwuid(geteuid());
  return entry == nullptr ? ":" + std::to_string(geteuid()) : entry->pw_name;
}

void Probe(Facts* facts) {
  facts->secret = ProbeSecretMemory();
  if (facts->secret.works()) {
    facts->accounting = ProbeAccounting();
    facts->scope = ProbeLimitScope();
  }
  facts->lock = ProbeLock();
  facts->undump = ProbeUndump();
  facts->move = ProbeMove();
  facts->seal = ProbeSeal();
  facts->filter = ProbeFilter();
  facts->keys = ProbeKeys();
  facts->userfaultfd = ProbeUserfaultfd();
}

void ReadFiles(const FileReader& read, Facts* facts) {
  const auto line = [&](const char* path, const char* otherwise) {
    return Line(read, path, otherwise);
  };
  facts->command_line = line("/proc/cmdline", "");
  const std::string status = line("/proc/self/status", "");
  facts->seccomp = Field(status, "Seccomp");
  facts->container = FindContainer(read);
  facts->cgroup = ReadCgroupMemory(read);
  facts->max_map_count = line("/proc/sys/vm/max_map_count", "");
  facts->overcommit = line("/proc/sys/vm/overcommit_memory", "");
  facts->unprivileged_userfaultfd = line("/proc/sys/vm/unprivileged_userfaultfd", "unknown");
  facts->core_pattern = line("/proc/sys/kernel/core_pattern", "unknown");
  facts->ptrace_scope = line("/proc/sys/kernel/yama/ptrace_scope", "");
  facts->swaps = line("/proc/swaps", "");
  facts->power_disk = line("/sys/power/disk", "");
  facts->lockdown = line("/sys/kernel/security/lockdown", "");
  facts->smaps = read("/proc/self/smaps").has_value();
}

}  // namespace

Facts Examine() {
  Facts facts;
  utsname name{};
  uname(&name);  // Fails for wrong addresses only.
  facts.kernel = ParseKernelVersion(name.release);
  Probe(&facts);
  ReadFiles(ReadText, &facts);
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);  // Fails for wrong arguments only.
  facts.soft_memlock = limit.rlim_cur;
  facts.hard_memlock = limit.rlim_max;
  facts.ipc_lock = HasCapability(CAP_IPC_LOCK);
  facts.sys_ptrace = HasCapability(CAP_SYS_PTRACE);
  facts.first_user_namespace = InFirstUserNamespace();
  facts.user = UserName();
  facts.library = FindLibrary("", &facts.library_error);
  return facts;
}

}  // namespace secure_alloc
