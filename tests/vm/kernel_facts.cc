// What this kernel does with memfd_secret(2) memory, without the library.
//
//   kernel_facts charge   where RLIMIT_MEMLOCK, set to 64 KiB here, bites: prints "at mmap ERRNO",
//                         "at the fault SIGNAL, FaultIn ERRNO" (a touch by the kernel instead), or
//                         "nowhere"
//   kernel_facts pku      whether a protection key closes such memory: prints "no pku", or
//                         "closed: SIGNAL CODE, write ERRNO, opened: BYTE"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

constexpr size_t kPageBytes = 4096;
constexpr size_t kLimit = 64 << 10;

sigjmp_buf after_signal;
volatile int signal_code;

void OnSignal(int number, siginfo_t* info, void*) {
  signal_code = info->si_code;
  siglongjmp(after_signal, number);
}

void CatchSignals() {
  struct sigaction action = {};
  action.sa_sigaction = OnSignal;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &action, nullptr);
  sigaction(SIGSEGV, &action, nullptr);
}

// MAP_FAILED with errno.
char* MapSecret(size_t length) {
  const int file = static_cast<int>(syscall(SYS_memfd_secret, O_CLOEXEC));
  if (file < 0 || ftruncate(file, static_cast<off_t>(length)) != 0) {
    perror("kernel_facts: memfd_secret");
    exit(1);
  }
  void* const memory = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  const int error = errno;
  close(file);
  errno = error;
  return static_cast<char*>(memory);
}

int Charge() {
  const rlimit limit = {kLimit, kLimit};
  if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0) return 1;
  char* const memory = MapSecret(2 * kLimit);
  if (memory == MAP_FAILED) {
    printf("at mmap %s\n", strerrorname_np(errno));
    return 0;
  }
  char* volatile page = memory;
  if (const int number = sigsetjmp(after_signal, 1); number != 0) {
    const ssize_t filled = getrandom(page, 1, 0);
    printf("at the fault SIG%s, FaultIn %s\n", sigabbrev_np(number),
           filled < 0 ? strerrorname_np(errno) : "ok");
    return 0;
  }
  while (page < memory + 2 * kLimit) {
    *page = 1;
    page = page + kPageBytes;
  }
  printf("nowhere\n");
  return 0;
}

int Pku() {
  const int key = pkey_alloc(0, 0);
  if (key < 0) {
    printf("no pku\n");
    return 0;
  }
  char* const memory = MapSecret(kPageBytes);
  if (memory == MAP_FAILED) return 1;
  *memory = 'x';
  if (pkey_mprotect(memory, kPageBytes, PROT_READ | PROT_WRITE, key) != 0 ||
      pkey_set(key, PKEY_DISABLE_ACCESS) != 0) {
    perror("kernel_facts: pkey_mprotect");
    return 1;
  }
  if (const int number = sigsetjmp(after_signal, 1); number != 0) {
    // A handler starts with the keys' initial rights; what siglongjmp leaves is not specified.
    pkey_set(key, PKEY_DISABLE_ACCESS);
    int ends[2];
    const ssize_t written = pipe(ends) == 0 ? write(ends[1], memory, 1) : 1;
    const int error = errno;
    pkey_set(key, 0);
    printf("closed: SIG%s %s, write %s, opened: %c\n", sigabbrev_np(number),
           signal_code == SEGV_PKUERR ? "SEGV_PKUERR" : "another code",
           written < 0 ? strerrorname_np(error) : "ok", *memory);
    return 0;
  }
  const char read = *const_cast<volatile char*>(memory);
  printf("not closed: %c\n", read);
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  CatchSignals();
  if (count == 2 && strcmp(arguments[1], "charge") == 0) return Charge();
  if (count == 2 && strcmp(arguments[1], "pku") == 0) return Pku();
  fprintf(stderr, "usage: kernel_facts charge|pku\n");
  return 2;
}
