#include "allocator/os/lockdown.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "allocator/os/internal.h"

#ifndef __NR_mseal
#define __NR_mseal 462
#endif
#ifndef __NR_memfd_secret
#define __NR_memfd_secret 447
#endif
#ifndef __NR_futex_waitv
#define __NR_futex_waitv 449
#endif

namespace secure_alloc::os {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
constexpr uint32_t kFirstForeign = 0x40000000;  // x32's numbers
#else
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
constexpr uint32_t kFirstForeign = UINT32_MAX;
#endif

// Ways into other processes, and for them into this one once it has let them.
constexpr uint32_t kIntrospection[] = {
    __NR_ptrace,      __NR_process_vm_readv, __NR_process_vm_writev, __NR_process_madvise,
    __NR_pidfd_getfd, __NR_kcmp,             __NR_bpf,               __NR_perf_event_open};

// What a worker needs that has opened all it works on, and has its threads. Not open, execve,
// clone, socket, ptrace and the rest.
constexpr uint32_t kWork[] = {
    // descriptors
    __NR_read, __NR_write, __NR_readv, __NR_writev, __NR_pread64, __NR_pwrite64, __NR_close,
    __NR_lseek, __NR_fstat, __NR_fsync, __NR_fdatasync, __NR_ftruncate, __NR_fcntl, __NR_ioctl,
    __NR_dup, __NR_dup3, __NR_ppoll, __NR_pselect6, __NR_epoll_ctl, __NR_epoll_pwait,
    __NR_epoll_create1, __NR_eventfd2, __NR_timerfd_create, __NR_timerfd_settime,
    __NR_recvfrom, __NR_sendto, __NR_recvmsg, __NR_sendmsg, __NR_recvmmsg, __NR_sendmmsg,
    __NR_accept, __NR_accept4, __NR_shutdown, __NR_getsockname, __NR_getpeername,
    __NR_getsockopt, __NR_setsockopt, __NR_sendfile,
    // memory
    __NR_mmap, __NR_munmap, __NR_mprotect, __NR_pkey_mprotect, __NR_mremap, __NR_madvise,
    __NR_brk, __NR_mlock, __NR_mlock2, __NR_munlock, __NR_memfd_secret, __NR_mseal, __NR_getrandom,
    // time
    __NR_clock_gettime, __NR_clock_getres, __NR_clock_nanosleep, __NR_nanosleep,
    __NR_gettimeofday, __NR_setitimer, __NR_getitimer, __NR_timer_create, __NR_timer_settime,
    __NR_timer_delete,
    // signals
    __NR_rt_sigaction, __NR_rt_sigprocmask, __NR_rt_sigreturn, __NR_rt_sigpending,
    __NR_rt_sigtimedwait, __NR_sigaltstack, __NR_tgkill, __NR_restart_syscall,
    // locks, and questions about the process
    __NR_futex, __NR_futex_waitv, __NR_sched_yield, __NR_sched_getaffinity,
    __NR_set_robust_list, __NR_rseq, __NR_exit, __NR_exit_group, __NR_getpid, __NR_gettid,
    __NR_getppid, __NR_getuid, __NR_geteuid, __NR_getgid, __NR_getegid, __NR_getrusage,
    __NR_prlimit64, __NR_capget, __NR_sysinfo, __NR_uname, __NR_umask,
#if defined(__x86_64__)
    __NR_poll, __NR_select, __NR_epoll_wait, __NR_dup2, __NR_time, __NR_alarm, __NR_arch_prctl,
#endif
};

// A program for the kernel's filter machine. Jumps are relative, so each call number takes a
// comparison and the verdict behind it.
class Filter {
 public:
  Filter() {
    Add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)));
    Add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0));
    Refuse();
    Add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
    Add(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kFirstForeign, 0, 1));
    Refuse();
  }

  template <size_t kCount>
  void RefuseAll(const uint32_t (&calls)[kCount]) {
    for (const uint32_t call : calls) {
      Add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
      Refuse();
    }
  }
  template <size_t kCount>
  void AllowAll(const uint32_t (&calls)[kCount]) {
    for (const uint32_t call : calls) {
      Add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
      Allow();
    }
  }
  // Of prctl, PR_SET_DUMPABLE to anything but 0. Changes what is compared: comes last.
  void RefuseDumpable() {
    Add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_prctl, 0, 5));
    Add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])));
    Add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_DUMPABLE, 0, 3));
    Add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])));
    Add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0));
    Refuse();
  }
  void Allow() { Add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)); }
  void Refuse() { Add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)); }

  int Install() const {
    long result = Syscall(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (Failed(result)) return Error(result);
    const struct sock_fprog program = {count_, const_cast<struct sock_filter*>(code_)};
    result = Syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
                     Int(&program));
    // Positive: a thread that has filters of its own could not take this one.
    return result > 0 ? EBUSY : Error(result);
  }

 private:
  static constexpr unsigned kMost = 2 * sizeof kWork / sizeof kWork[0] + 32;

  void Add(struct sock_filter instruction) {
    if (count_ < kMost) code_[count_++] = instruction;
  }

  struct sock_filter code_[kMost];
  unsigned short count_ = 0;
};

}  // namespace

int Seal(void* address, size_t length) {
  return Error(Syscall(__NR_mseal, Int(address), static_cast<long>(length), 0));
}

bool CanSeal() { return Syscall(__NR_mseal, 0, 0, 0) == 0; }

void MakeUndumpable() { Syscall(__NR_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0); }

bool CanFilter() {
  // EFAULT: the kernel got as far as reading the program.
  return Syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, 0) == -EFAULT;
}

int RefuseIntrospection() {
  Filter filter;
  filter.RefuseAll(kIntrospection);
  filter.RefuseDumpable();
  filter.Allow();
  return filter.Install();
}

int RefuseAllButWork() {
  Filter filter;
  filter.AllowAll(kWork);
  filter.Refuse();
  return filter.Install();
}

}  // namespace secure_alloc::os
