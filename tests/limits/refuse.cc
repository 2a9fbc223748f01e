// Runs a program under a seccomp filter that refuses one system call, as containers do.
//
//   refuse SYSCALL ENOSYS|EPERM|KILL -- PROGRAM [ARGUMENT...]
//
// SYSCALL: a name, or a number for calls that libseccomp is too old to know.
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace {

// False if the name is none of the three.
bool ParseAction(const char* name, uint32_t* action) {
  if (strcmp(name, "ENOSYS") == 0) {
    *action = SCMP_ACT_ERRNO(ENOSYS);
  } else if (strcmp(name, "EPERM") == 0) {
    *action = SCMP_ACT_ERRNO(EPERM);
  } else {
    *action = SCMP_ACT_KILL_PROCESS;
    return strcmp(name, "KILL") == 0;
  }
  return true;
}

bool Refuse(const char* name, uint32_t action) {
  char* end;
  const long given = strtol(name, &end, 10);
  const int number = *end == '\0' ? static_cast<int>(given) : seccomp_syscall_resolve_name(name);
  if (number == __NR_SCMP_ERROR) return false;
  const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  return filter != nullptr && seccomp_rule_add(filter, action, number, 0) == 0 &&
         seccomp_load(filter) == 0;
}

}  // namespace

int main(int count, char** arguments) {
  uint32_t action;
  if (count < 5 || !ParseAction(arguments[2], &action) || strcmp(arguments[3], "--") != 0) {
    fprintf(stderr, "usage: refuse SYSCALL ENOSYS|EPERM|KILL -- PROGRAM [ARGUMENT...]\n");
    return 2;
  }
  if (!Refuse(arguments[1], action)) {
    fprintf(stderr, "refuse: no filter for %s; is seccomp allowed here?\n", arguments[1]);
    return 2;
  }
  execvp(arguments[4], arguments + 4);
  perror(arguments[4]);
  return 127;
}
