// What is left of locked secrets at the very end of a process: its tracer reads all its memory
// when it has run its last instruction, before the kernel takes the memory away.
//
//   end_test          all ways, traced
//   end_test WAY      ends that way, with secrets in locked memory
#include <errno.h>
#include <fcntl.h>
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
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/limits/support.h"

using namespace secure_alloc::test;

namespace {

constexpr size_t kSize = 4000;

// What the secrets hold: nothing else looks like it, and it is nowhere as a constant.
char NeedleAt(size_t i) { return static_cast<char>((i * 131 + 7) ^ (i >> 3)); }

// --- The process that ends --------------------------------------------------------------------

void RefuseSecretMemory() {
  constexpr unsigned kMemfdSecret = 447;
  sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kMemfdSecret, 0, 1),
                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program = {sizeof code / sizeof code[0], code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(100);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) _exit(101);
}

volatile char* NewSecret(secalloc_domain* domain, size_t size) {
  volatile char* const secret = static_cast<volatile char*>(secalloc_domain_malloc(domain, size));
  if (secret == nullptr || ProtectionOf(const_cast<char*>(secret)) != SECALLOC_LOCKED) _exit(102);
  for (size_t i = 0; i < size; ++i) secret[i] = NeedleAt(i % kSize);
  return secret;
}

volatile char* kept = nullptr;

// It is registered first of the program's: the last that may use its secrets.
void UseAndFree() {
  if (kept[kSize - 1] != NeedleAt(kSize - 1)) abort();
  secalloc_free(const_cast<char*>(kept));
}

int EndAs(const std::string& way) {
  atexit(UseAndFree);
  const secalloc_domain_config config = {.name = "ending", .quota = 0,
                                         .fallback = SECALLOC_FALLBACK_LOCKED,
                                         .fork = SECALLOC_FORK_DEFAULT, .flags = 0, .reserved = {}};
  kept = NewSecret(nullptr, kSize);
  NewSecret(nullptr, kSize);
  NewSecret(nullptr, 200000);
  NewSecret(secalloc_domain_create(&config), kSize);
  if (way == "exit") exit(0);
  if (way == "_exit") _exit(0);
  if (way == "killed") raise(SIGKILL);
  if (way == "threads") std::thread([] { pause(); }).detach();
  if (way == "thread") std::thread([] {}).join();
  return 0;
}

// --- The tracer ---------------------------------------------------------------------------------

const char* Find(const char* needle, size_t size, const char* begin, const char* end) {
  return static_cast<const char*>(memmem(begin, static_cast<size_t>(end - begin), needle, size));
}

size_t NeedlesIn(const std::vector<char>& memory) {
  char needle[32];
  for (size_t i = 0; i < sizeof needle; ++i) needle[i] = NeedleAt(i);
  size_t count = 0;
  const char* const end = memory.data() + memory.size();
  for (const char* at = memory.data();
       (at = Find(needle, sizeof needle, at, end)) != nullptr; ++at) {
    ++count;
  }
  return count;
}

// In all the memory of a stopped process.
size_t NeedlesLeft(pid_t process) {
  const std::string folder = "/proc/" + std::to_string(process);
  FILE* const maps = fopen((folder + "/maps").c_str(), "re");
  const int memory = open((folder + "/mem").c_str(), O_RDONLY | O_CLOEXEC);
  size_t count = 0;
  unsigned long begin, end;
  char line[512], access;
  while (fgets(line, sizeof line, maps) != nullptr) {
    if (sscanf(line, "%lx-%lx %c", &begin, &end, &access) != 3 || access != 'r') continue;
    std::vector<char> bytes(end - begin);
    const ssize_t got = pread(memory, bytes.data(), bytes.size(), static_cast<off_t>(begin));
    bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
    count += NeedlesIn(bytes);
  }
  fclose(maps);
  close(memory);
  return count;
}

struct End {
  long needles = -1;  // left
  int status = -1;
};

End Trace(const char* way, const char* options) {
  const pid_t child = fork();
  if (child == 0) {
    setenv("SECALLOC_OPTIONS", options, 1);
    RefuseSecretMemory();
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    execl("/proc/self/exe", "end_test", way, nullptr);
    _exit(99);
  }
  End end;
  int status = -1;
  if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) return end;
  ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL);
  for (int signal = 0; ptrace(PTRACE_CONT, child, nullptr, signal) == 0;) {
    if (waitpid(child, &status, 0) != child) return end;
    if (!WIFSTOPPED(status)) break;
    const bool ends = status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8);
    signal = ends ? 0 : WSTOPSIG(status);
    if (ends) end.needles = static_cast<long>(NeedlesLeft(child));
  }
  end.status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return end;
}

void FactsOfWipedEnds() {
  for (const char* const way : {"return", "exit", "thread"}) {
    const End end = Trace(way, "scope=modules");
    Fact(std::string("by ") + way + ": nothing is left of locked secrets: " +
             std::to_string(end.needles),
         end.needles == 0);
    Fact("... and the program's last exit handler had them: status " + std::to_string(end.status),
         end.status == 0);
  }
}

// That the reader sees locked memory; and what the documents say stays.
void FactsOfOtherEnds() {
  for (const char* const way : {"_exit", "killed", "threads"}) {
    const End end = Trace(way, "scope=modules");
    Fact(std::string("by ") + way + ": they are left to the kernel: " + std::to_string(end.needles),
         end.needles > 100 && end.status == (strcmp(way, "killed") == 0 ? -SIGKILL : 0));
  }
  const End end = Trace("exit", "scope=all");
  Fact("scope=all: they are left to the kernel: " + std::to_string(end.needles),
       end.needles > 100 && end.status == 0);
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1) return EndAs(arguments[1]);
  alarm(60);
  FactsOfWipedEnds();
  FactsOfOtherEnds();
  return Summary();
}
