// Thousands of forks by threads that all allocate, write and fork at once, with secrets in the
// standard domain and in created ones of each policy.
//
//   fork_threads_test           the standard domain by fork=copy, then itself with each of:
//   fork_threads_test deny      with SECALLOC_OPTIONS=fork=deny
//   fork_threads_test share
//   fork_threads_test fresh     what a child becomes that calls exec
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "tests/limits/policy_secrets.h"
#include "tests/limits/support.h"

extern char** environ;

using namespace secure_alloc::test;

namespace {

constexpr int kForks = 700;  // in each of the three processes
constexpr int kForkers = 3;
constexpr int kNesting = 4;
constexpr unsigned kHungSeconds = 280;

// --- What children do ----------------------------------------------------------------------------

template <typename Body>
int ForkAndWait(Body body) {
  return InChild([&] {
    alarm(kHungSeconds / 2);
    return body();
  });
}

// 0, or what is wrong. The parent waits: what they share is at rest.
int LiveAsAChild(Secrets& inherited, char value) {
  if (!inherited.Hold(SECALLOC_FORK_DENY)) return 1;
  inherited.WriteInChild(value);
  if (inherited.Random() % 4 != 0) return 0;
  Secrets own(inherited.Random());
  own.Change();
  if (!own.Hold()) return 2;
  inherited.FreeInChild();
  return own.Hold() ? 0 : 3;
}

// Each generation forks the next, and finds its own secrets unchanged.
int LiveInGenerations(Secrets& inherited, int left) {
  if (!inherited.Hold(SECALLOC_FORK_DENY)) return 10;
  Secrets own(inherited.Random());
  own.Change();
  if (left > 0) {
    const int status = ForkAndWait([&] { return LiveInGenerations(own, left - 1); });
    if (status != 0) return status;
  }
  // Those of the next generation wrote to what they shared.
  if (!own.Hold(SECALLOC_FORK_COPY, own.value()) || !own.Hold(SECALLOC_FORK_DENY, own.value())) {
    return 11;
  }
  own.WriteInChild(99);
  return 0;
}

// --- Threads -------------------------------------------------------------------------------------

std::atomic<int> forks_left{kForks}, failures{0};
std::atomic<bool> stop{false};

void Expect(bool holds, const char* what, int status) {
  if (holds) return;
  ++failures;
  printf("       %s: a child ended with %d\n", what, status);
}

void ForkOnce(Secrets& secrets, int round) {
  secrets.Change();
  if (round % 8 == 7) {
    const Secret& denied = secrets.OfPolicy(SECALLOC_FORK_DENY);
    const int status = ForkAndWait([&] { return *const_cast<volatile char*>(denied.bytes); });
    Expect(status == -SIGSEGV, "touching a denied secret", status);
  } else if (round % 32 == 6) {
    const int status = ForkAndWait([&] { return LiveInGenerations(secrets, kNesting); });
    Expect(status == 0, "generations", status);
  } else {
    const char childs = static_cast<char>(secrets.value() + 100);
    const int status = ForkAndWait([&] { return LiveAsAChild(secrets, childs); });
    Expect(status == 0, "a child", status);
    Expect(secrets.Hold(SECALLOC_FORK_SHARE, childs), "its writes to shared secrets", status);
    secrets.Write(secrets.Hold(SECALLOC_FORK_COPY, secrets.value()) ? childs : 0);
    Expect(secrets.value() == childs, "the parent's own", status);
  }
}

void Forker(unsigned seed) {
  Secrets secrets(seed);
  for (int round; (round = --forks_left) >= 0 && failures == 0;) ForkOnce(secrets, round);
}

void Allocator(unsigned seed) {
  Secrets secrets(seed);
  while (!stop) {
    secrets.Change();
    if (!secrets.Hold()) ++failures;
    usleep(50);  // The others want the processor.
  }
}

// --- Children that come by other ways ------------------------------------------------------------

// clone(2) as fork(2) would call it, past the C library.
pid_t RawClone() { return static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }

// Such a child has what is shared, and else nothing: it may only fault.
void FactsOfBareChildren(const char* way, pid_t (*make_child)()) {
  Secrets secrets(4);
  secrets.Change();
  int faulted = 0, faulted_writing = 0, shared = 0, expected = 0, children = 0;
  for (int i = 0; i < 5; ++i) {
    for (const secalloc_fork policy :
         {SECALLOC_FORK_COPY, SECALLOC_FORK_DENY, SECALLOC_FORK_SHARE}) {
      const Secret& secret = secrets.OfPolicy(policy);
      const int read =
          InChild(make_child, [&] { return *const_cast<volatile char*>(secret.bytes); });
      ++children;
      if (policy == SECALLOC_FORK_SHARE) {
        shared += read == secrets.value();
        continue;
      }
      ++expected;
      faulted += read == -SIGSEGV;
      faulted_writing += InChild(make_child, [&] {
                           *const_cast<volatile char*>(secret.bytes) = 1;
                           return 0;
                         }) == -SIGSEGV;
    }
  }
  const std::string name = way;
  Fact(name + ": children of a threaded program fault on reading a secret", faulted == expected);
  Fact(name + ": ... and on writing one", faulted_writing == expected);
  Fact(name + ": ... and have what is shared", shared == children - expected);
  Fact(name + ": the parent's pages stay whole", secrets.Hold());
}

char program[] = "/proc/self/exe", fresh[] = "fresh";
char* const command[] = {program, fresh, nullptr};

pid_t ForkAndExecute() {
  const pid_t child = fork();
  if (child == 0) _exit(execv(program, command));
  return child;
}

pid_t VforkAndExecute() {
  const pid_t child = vfork();
  if (child == 0) _exit(execv(program, command));
  return child;
}

pid_t Spawn() {
  pid_t child;
  return posix_spawn(&child, program, nullptr, nullptr, command, environ) == 0 ? child : -1;
}

void FactsOfNewPrograms(const char* way, pid_t (*start)()) {
  constexpr int kPrograms = 10;
  Secrets secrets(5);
  secrets.Change();
  int good = 0;
  for (int i = 0; i < kPrograms; ++i) good += EndOf(start()) == 0;
  const std::string name = way;
  Fact(name + ": programs have secrets of their own", good == kPrograms);
  Fact(name + ": the parent's secrets are as they were", secrets.Hold());
}

int BeFresh() {
  struct secalloc_stats stats;
  if (secalloc_stats(&stats) != 0 || stats.domains != 1) return 1;
  char* const secret = static_cast<char*>(secalloc_malloc(100));
  return ProtectionOf(secret) == SECALLOC_SECRET && secret[99] == 0 ? 0 : 2;
}

// --- All of it -----------------------------------------------------------------------------------

void Threads() {
  std::vector<std::thread> threads;
  std::thread allocator(Allocator, 17);
  for (unsigned i = 0; i < kForkers; ++i) threads.emplace_back(Forker, i + 1);
  for (std::thread& thread : threads) thread.join();
  FactsOfBareChildren("_Fork(3)", _Fork);
  FactsOfBareChildren("clone(2)", RawClone);
  FactsOfNewPrograms("fork and exec", ForkAndExecute);
  FactsOfNewPrograms("vfork and exec", VforkAndExecute);
  FactsOfNewPrograms("posix_spawn", Spawn);
  stop = true;
  allocator.join();
}

int Facts(const std::string& policy, secalloc_fork fork) {
  if (BeFresh() != 0) {
    printf("SKIP: kernel: no memfd_secret(2)\n");
    return 0;
  }
  MakePlaces(fork);
  Threads();
  Fact("fork=" + policy + ": " + std::to_string(kForks - std::max(forks_left.load(), 0)) +
           " forks by 3 threads that allocate and write, " + std::to_string(failures.load()) +
           " wrong",
       failures == 0 && forks_left <= 0);
  return Summary();
}

}  // namespace

int main(int count, char** arguments) {
  alarm(kHungSeconds);
  const std::string what = count > 1 ? arguments[1] : "";
  if (what == "fresh") return BeFresh();
  if (what == "deny") return Facts(what, SECALLOC_FORK_DENY);
  if (what == "share") return Facts(what, SECALLOC_FORK_SHARE);
  for (const char* policy : {"deny", "share"}) {
    const Outcome outcome =
        Run({"/proc/self/exe", policy}, {std::string("SECALLOC_OPTIONS=fork=") + policy});
    Fact(std::string("fork=") + policy + ": " + outcome.Describe(), outcome.exit == 0);
  }
  return Facts("copy", SECALLOC_FORK_COPY);
}
