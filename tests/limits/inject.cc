// Runs a program in which the Nth system call that a library makes about memory fails.
//
//   inject N LIBRARY COUNT -- PROGRAM [ARGUMENT...]
//
// LIBRARY: part of its file's name. Counted are its calls in the program and all its children, in
// the order in which they are made. How many there were goes to the file COUNT; N = 0 only counts.
// The exit status is the program's, or 128 and the signal that ended it.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <vector>

#ifndef __NR_memfd_secret
#define __NR_memfd_secret 447
#endif

namespace {

struct Call {
  unsigned number;
  int error;  // as a machine at its limits says it
};
constexpr Call kCalls[] = {
    {__NR_mmap, ENOMEM},        {__NR_munmap, ENOMEM}, {__NR_mprotect, ENOMEM},
    {__NR_mremap, ENOMEM},      {__NR_madvise, EAGAIN}, {__NR_mlock, ENOMEM},
    {__NR_memfd_secret, EMFILE}, {__NR_ftruncate, EIO}, {__NR_getrandom, EFAULT}};

int ErrorOf(unsigned long number) {
  for (const Call& call : kCalls) {
    if (call.number == number) return call.error;
  }
  return ENOSYS;
}

// The calls stop here for the tracer.
bool TraceCalls() {
  std::vector<sock_filter> code = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
  for (const Call& call : kCalls) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call.number, 0, 1));
    code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program = {static_cast<unsigned short>(code.size()), code.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

[[noreturn]] void BecomeProgram(char** command) {
  if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(126);
  raise(SIGSTOP);
  if (!TraceCalls()) _exit(126);
  execvp(command[0], command);
  _exit(127);
}

class Tracer {
 public:
  Tracer(long nth, const char* library) : nth_(nth), library_(library) {}

  // Until the last process is gone; the exit status of the first.
  int Run(pid_t first) {
    int result = 126, status;
    for (pid_t process; (process = waitpid(-1, &status, __WALL)) > 0;) {
      if (WIFSTOPPED(status)) {
        Continue(process, status);
      } else if (process == first) {
        result = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
      }
    }
    return result;
  }

  long seen() const { return seen_; }

 private:
  static constexpr long kOptions = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK |
                                   PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
                                   PTRACE_O_EXITKILL;

  // Calls of ptrace(2) fail for a process that was killed meanwhile: waitpid(2) tells of it next.
  void Continue(pid_t process, int status) {
    const int event = status >> 16;
    int deliver = 0;
    if (event == PTRACE_EVENT_SECCOMP) {
      MeetCall(process);
    } else if (event == PTRACE_EVENT_EXEC) {
      ranges_.erase(process);
    } else if (event == 0 && known_[process]) {
      deliver = WSTOPSIG(status);
    }
    if (!known_[process]) {
      known_[process] = true;
      ptrace(PTRACE_SETOPTIONS, process, nullptr, kOptions);
    }
    ptrace(PTRACE_CONT, process, nullptr, deliver);
  }

  void MeetCall(pid_t process) {
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, process, nullptr, &registers) != 0) return;
    if (!IsLibrarys(process, registers.rip) || ++seen_ != nth_) return;
    registers.rax = static_cast<unsigned long>(-ErrorOf(registers.orig_rax));
    registers.orig_rax = ~0ul;  // No such call: it is not made.
    ptrace(PTRACE_SETREGS, process, nullptr, &registers);
  }

  struct Range {
    unsigned long begin, end;
  };

  bool IsLibrarys(pid_t process, unsigned long address) {
    auto found = ranges_.find(process);
    if (found == ranges_.end()) {
      Range range;
      if (!FindCode(process, &range)) return false;
      found = ranges_.emplace(process, range).first;
    }
    return address >= found->second.begin && address < found->second.end;
  }

  // The library's code in a process, once it is mapped.
  bool FindCode(pid_t process, Range* range) const {
    char path[64], line[512], access[8];
    snprintf(path, sizeof path, "/proc/%d/maps", process);
    FILE* const maps = fopen(path, "re");
    bool found = false;
    while (maps != nullptr && !found && fgets(line, sizeof line, maps) != nullptr) {
      found = sscanf(line, "%lx-%lx %7s", &range->begin, &range->end, access) == 3 &&
              access[2] == 'x' && strstr(line, library_) != nullptr;
    }
    if (maps != nullptr) fclose(maps);
    return found;
  }

  const long nth_;
  const char* const library_;
  long seen_ = 0;
  std::map<pid_t, Range> ranges_;
  std::map<pid_t, bool> known_;
};

}  // namespace

int main(int count, char** arguments) {
  if (count < 6 || strcmp(arguments[4], "--") != 0) {
    fprintf(stderr, "usage: inject N LIBRARY COUNT -- PROGRAM [ARGUMENT...]\n");
    return 2;
  }
  const pid_t child = fork();
  if (child == 0) BecomeProgram(arguments + 5);
  Tracer tracer(strtol(arguments[1], nullptr, 10), arguments[2]);
  const int result = tracer.Run(child);
  FILE* const file = fopen(arguments[3], "we");
  if (file == nullptr) {
    perror(arguments[3]);
    return 126;
  }
  fprintf(file, "%ld\n", tracer.seen());
  fclose(file);
  return result;
}
