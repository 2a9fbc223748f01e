// Runs a program under a seccomp filter that refuses one system call, as containers do.
//
//   refuse SYSCALL ERRNO -- PROGRAM [ARGUMENT...]     ERRNO: ENOSYS or EPERM
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

namespace {

// 0 if the name is none of the two.
int ErrorNumber(const char* name) {
  if (strcmp(name, "ENOSYS") == 0) return ENOSYS;
  return strcmp(name, "EPERM") == 0 ? EPERM : 0;
}

bool Refuse(const char* name, int error) {
  const int number = seccomp_syscall_resolve_name(name);
  if (number == __NR_SCMP_ERROR) return false;
  const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  return filter != nullptr &&
         seccomp_rule_add(filter, SCMP_ACT_ERRNO(static_cast<unsigned>(error)), number, 0) == 0 &&
         seccomp_load(filter) == 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 5 || ErrorNumber(arguments[2]) == 0 || strcmp(arguments[3], "--") != 0) {
    fprintf(stderr, "usage: refuse SYSCALL ENOSYS|EPERM -- PROGRAM [ARGUMENT...]\n");
    return 2;
  }
  if (!Refuse(arguments[1], ErrorNumber(arguments[2]))) {
    fprintf(stderr, "refuse: no filter for %s; is seccomp allowed here?\n", arguments[1]);
    return 2;
  }
  execvp(arguments[4], arguments + 4);
  perror(arguments[4]);
  return 127;
}
