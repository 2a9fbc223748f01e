// fork(2) and its relatives, with secrets, under each policy of the option `fork`.
//
//   fork_test           fork=copy, then itself with each of:
//   fork_test deny      with SECALLOC_OPTIONS=fork=deny
//   fork_test share
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <vector>

#include "tests/limits/support.h"

extern char** environ;

using namespace secure_alloc::test;

namespace {

// --- Secrets with known contents ---------------------------------------------------------

struct Secret {
  char* bytes;
  size_t size;
  char value;

  Secret(size_t secret_size, char secret_value)
      : bytes(static_cast<char*>(secalloc_malloc(secret_size))),
        size(secret_size),
        value(secret_value) {
    memset(bytes, value, size);
  }
  bool Holds() const {
    for (size_t i = 0; i < size; ++i) {
      if (bytes[i] != value) return false;
    }
    return true;
  }
};

std::vector<Secret> MakeSecrets() {
  std::vector<Secret> secrets;
  for (int i = 0; i < 20; ++i) {
    for (const size_t size : {16, 300, 5000}) secrets.emplace_back(size, static_cast<char>(i + 1));
  }
  secrets.emplace_back(100000, 77);
  return secrets;
}

bool AllHold(const std::vector<Secret>& secrets) {
  for (const Secret& secret : secrets) {
    if (!secret.Holds()) return false;
  }
  return true;
}

// What a child does in a new process; its exit status names the first thing wrong.
template <typename Body>
int ForkAndWait(Body body) {
  return InChild([&] {
    alarm(20);
    return body();
  });
}

// --- fork=copy -----------------------------------------------------------------------------

std::atomic<bool> stop{false};

void* Allocator(void* argument) {
  unsigned random = static_cast<unsigned>(reinterpret_cast<uintptr_t>(argument));
  std::vector<Secret> live;
  void* ordinary[32] = {};
  while (!stop.load(std::memory_order_relaxed)) {
    random = random * 1103515245 + 12345;
    const size_t size = 1 + (random >> 8) % 3000;
    if (live.size() < 32) {
      live.emplace_back(size, static_cast<char>(random >> 24));
    } else {
      const size_t i = (random >> 4) % live.size();
      if (!live[i].Holds()) abort();
      free(live[i].bytes);
      live[i] = live.back();
      live.pop_back();
    }
    free(ordinary[random % 32]);
    ordinary[random % 32] = malloc(size * 20);
  }
  for (const Secret& secret : live) free(secret.bytes);
  for (void* object : ordinary) free(object);
  return nullptr;
}

int CheckCopies(const std::vector<Secret>& secrets) {
  if (!AllHold(secrets)) return 1;
  for (const Secret& secret : secrets) {
    if (ProtectionOf(secret.bytes) != SECALLOC_SECRET) return 2;
    memset(secret.bytes, 0, secret.size);
  }
  for (size_t i = 0; i < secrets.size(); i += 2) free(secrets[i].bytes);
  for (int i = 0; i < 50; ++i) {
    char* const fresh = static_cast<char*>(secalloc_malloc(500));
    if (fresh == nullptr || ProtectionOf(fresh) != SECALLOC_SECRET) return 3;
    memset(fresh, 1, 500);
  }
  free(malloc(100000));
  return 0;
}

void FactsOfCopiesUnderThreads() {
  const std::vector<Secret> secrets = MakeSecrets();
  pthread_t threads[4];
  for (size_t i = 0; i < 4; ++i) {
    pthread_create(&threads[i], nullptr, Allocator, reinterpret_cast<void*>(i + 1));
  }
  int good = 0, last_bad = 0;
  for (int i = 0; i < 200; ++i) {
    const int status = ForkAndWait([&] { return CheckCopies(secrets); });
    good += status == 0;
    if (status != 0) last_bad = status;
  }
  stop = true;
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
  if (good != 200) printf("       %d good, the last bad one ended with %d\n", good, last_bad);
  Fact("200 children have their own secret copies while 4 threads allocate", good == 200);
  Fact("the parent's secrets are as they were", AllHold(secrets));
  const int grandchild = ForkAndWait([&] {
    return ForkAndWait([&] { return CheckCopies(secrets); }) == 0 && AllHold(secrets) ? 0 : 1;
  });
  Fact("a grandchild has its copy, and leaves its parent's alone", grandchild == 0);
  for (const Secret& secret : secrets) free(secret.bytes);
}

// The moment of a fork: what other threads just freed or allocated, without a lock.
constexpr int kShelves = 64;
std::atomic<char*> shelves[kShelves];

void* Exchanger(void* argument) {
  size_t i = reinterpret_cast<size_t>(argument);
  while (!stop.load(std::memory_order_relaxed)) {
    char* const fresh = static_cast<char*>(secalloc_malloc(100));
    memset(fresh, 1, 100);
    secalloc_free(shelves[i++ % kShelves].exchange(fresh));
  }
  return nullptr;
}

int UseEverything() {
  for (int i = 0; i < 1000; ++i) {
    char* const fresh = static_cast<char*>(secalloc_malloc(100));
    if (fresh == nullptr || fresh[0] != 0 || fresh[99] != 0) return 1;
  }
  return 0;
}

int FreeWhatIsShelved() {
  for (std::atomic<char*>& shelf : shelves) secalloc_free(shelf.exchange(nullptr));
  return UseEverything();
}

int GoodChildren(int children, int (*in_child)()) {
  int good = 0;
  for (int i = 0; i < children; ++i) good += ForkAndWait(in_child) == 0;
  if (good != children) printf("       %d of %d children are well\n", good, children);
  return good;
}

void FactsOfTheMoment() {
  stop = false;
  pthread_t threads[3];
  for (size_t i = 0; i < 3; ++i) {
    pthread_create(&threads[i], nullptr, Exchanger, reinterpret_cast<void*>(20 * i));
  }
  constexpr int kChildren = 100;
  Fact("what other threads free at the moment of a fork is clean in the child",
       GoodChildren(kChildren, UseEverything) == kChildren);
  Fact("what they allocate at that moment the child can free",
       GoodChildren(kChildren, FreeWhatIsShelved) == kChildren);
  stop = true;
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
  FreeWhatIsShelved();
}

void FactsOfOtherWays() {
  std::vector<Secret> secrets = MakeSecrets();
  secrets.emplace_back(3 << 20, 78);  // An arena of its own.
  Fact("system(3)", WEXITSTATUS(system("exit 3")) == 3);
  FILE* const pipe = popen("echo spoken", "r");
  char line[32] = {};
  Fact("popen(3)", pipe != nullptr && fgets(line, sizeof line, pipe) != nullptr &&
                       strcmp(line, "spoken\n") == 0 && pclose(pipe) == 0);
  const pid_t vchild = vfork();
  if (vchild == 0) _exit(secrets[0].bytes[0]);  // The parent's memory: no copy is needed.
  Fact("vfork(2) shares the secrets", EndOf(vchild) == secrets[0].value);
  pid_t spawned = -1;
  char* const command[] = {const_cast<char*>("true"), nullptr};
  const int error = posix_spawnp(&spawned, "true", nullptr, nullptr, command, environ);
  Fact("posix_spawn(3)", error == 0 && EndOf(spawned) == 0);

  // Its child outlives it: what it found comes through a pipe.
  int ends[2];
  char found = 'x';
  const bool piped = pipe2(ends, 0) == 0;
  const int starter = ForkAndWait([&] {
    if (daemon(1, 1) != 0) return 1;
    const char verdict = CheckCopies(secrets) == 0 ? 'y' : 'n';
    return write(ends[1], &verdict, 1) == 1 ? 0 : 1;
  });
  Fact("daemon(3) starts", piped && starter == 0);
  Fact("... and has its copy", read(ends[0], &found, 1) == 1 && found == 'y');

  Fact("a child of _Fork(3) faults on touching a secret",
       InChild(_Fork, [&] { return secrets[0].bytes[0]; }) == -SIGSEGV);
  Fact("... and on freeing one", InChild(_Fork, [&] {
                                   free(secrets[0].bytes);
                                   return 0;
                                 }) == -SIGSEGV);
  Fact("the parent's secrets are as they were, after all", AllHold(secrets));
  for (const Secret& secret : secrets) free(secret.bytes);
}

void FactsOfEmptyArenas() {
  for (const size_t count : {100, 200, 400}) {
    std::vector<void*> objects(count);
    for (void*& object : objects) object = secalloc_malloc(8000);
    for (void* const object : objects) secalloc_free(object);
    Fact("a child comes to life when its parent has freed all of " + std::to_string(count),
         ForkAndWait([] { return secalloc_malloc(8000) != nullptr ? 0 : 1; }) == 0);
  }
}

// --- fork=deny, fork=share -------------------------------------------------------------------

int FactsOfDeny() {
  std::vector<Secret> secrets = MakeSecrets();
  secrets.emplace_back(3 << 20, 78);
  Fact("deny: touching a secret faults",
       ForkAndWait([&] { return secrets[0].bytes[0]; }) == -SIGSEGV);
  Fact("deny: a large one too", ForkAndWait([&] { return secrets.back().bytes[0]; }) == -SIGSEGV);
  Fact("deny: inherited pointers can be freed, and the child ends in order",
       ForkAndWait([&] {
         for (const Secret& secret : secrets) free(secret.bytes);
         return 0;
       }) == 0);
  Fact("deny: the child has new secrets", ForkAndWait([&] {
                                            for (const Secret& secret : secrets) free(secret.bytes);
                                            const std::vector<Secret> fresh = MakeSecrets();
                                            for (const Secret& secret : fresh) {
                                              if (ProtectionOf(secret.bytes) != SECALLOC_SECRET)
                                                return 1;
                                            }
                                            return AllHold(fresh) ? 0 : 2;
                                          }) == 0);
  Fact("deny: the child's child has them not",
       ForkAndWait([&] {
         const std::vector<Secret> fresh = MakeSecrets();
         return ForkAndWait([&] { return fresh[0].bytes[0]; }) == -SIGSEGV && AllHold(fresh) ? 0
                                                                                             : 1;
       }) == 0);
  Fact("deny: the parent's secrets are as they were", AllHold(secrets));
  return Summary();
}

int FactsOfShare() {
  const std::vector<Secret> secrets = MakeSecrets();
  Fact("share: the child sees its parent's secrets",
       ForkAndWait([&] { return AllHold(secrets) ? 0 : 1; }) == 0);
  Fact("share: they are secret", ProtectionOf(secrets[0].bytes) == SECALLOC_SECRET);
  const int writer = ForkAndWait([&] {
    secrets[0].bytes[0] = 99;
    return 0;
  });
  Fact("share: and the parent what it writes", writer == 0 && secrets[0].bytes[0] == 99);
  Fact("share: new secrets of the child are its own", ForkAndWait([&] {
                                                        const std::vector<Secret> fresh =
                                                            MakeSecrets();
                                                        return AllHold(fresh) ? 0 : 1;
                                                      }) == 0);
  Fact("share: what the child resizes stays secret", ForkAndWait([&] {
                                                       const void* const moved =
                                                           realloc(secrets[1].bytes, 5000);
                                                       return ProtectionOf(moved) == SECALLOC_SECRET
                                                                  ? 0
                                                                  : 1;
                                                     }) == 0);
  Fact("share: and lie in none of its parent's", AllHold({secrets.begin() + 1, secrets.end()}));
  return Summary();
}

void FactsOfPolicy(const char* policy) {
  const Outcome outcome =
      Run({"/proc/self/exe", policy}, {std::string("SECALLOC_OPTIONS=fork=") + policy});
  Fact(std::string("fork=") + policy + ": " + outcome.Describe(), outcome.exit == 0);
}

}  // namespace

int main(int count, char** arguments) {
  alarm(60);
  if (count > 1) return strcmp(arguments[1], "deny") == 0 ? FactsOfDeny() : FactsOfShare();
  FactsOfOtherWays();
  FactsOfEmptyArenas();
  FactsOfPolicy("deny");
  FactsOfPolicy("share");
  FactsOfTheMoment();
  FactsOfCopiesUnderThreads();
  return Summary();
}
