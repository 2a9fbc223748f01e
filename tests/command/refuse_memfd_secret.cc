// refuse_memfd_secret ENOSYS|EPERM|KILL PROGRAM ...: runs it where memfd_secret(2) is answered
// so, as older kernels and the profiles of containers do.
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static uint32_t Action(const char* name) {
  if (strcmp(name, "ENOSYS") == 0) return SCMP_ACT_ERRNO(ENOSYS);
  if (strcmp(name, "EPERM") == 0) return SCMP_ACT_ERRNO(EPERM);
  return SCMP_ACT_KILL_PROCESS;
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (filter == nullptr) return 2;
  // 447 on every machine: it is newer than the common numbering of system calls.
  if (seccomp_rule_add(filter, Action(argv[1]), 447, 0) != 0 || seccomp_load(filter) != 0) {
    perror("seccomp");
    return 2;
  }
  execvp(argv[2], argv + 2);
  perror(argv[2]);
  return 127;
}
