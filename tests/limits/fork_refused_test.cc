// A fork whose copy can't be had is EAGAIN, however often and by however many threads it is
// tried, and leaves nothing behind; once there is room again it works.
//
//   fork_refused_test           runs itself, with a budget, as
//   fork_refused_test nobody    without privileges, and 2 MiB of RLIMIT_MEMLOCK
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/limits/support.h"

using namespace secure_alloc::test;

namespace {

constexpr rlim_t kLimit = 2 << 20;
constexpr uid_t kNobody = 65534;
constexpr int kThreads = 3, kTriesEach = 300;
constexpr size_t kSize = 4000;

// What a failed fork might leave behind.
struct Traces {
  long locked_kib = StatusKib("VmLck");
  size_t mappings = 0, descriptors = 0;
  uint64_t secret_bytes = 0;

  Traces() {
    FILE* const maps = fopen("/proc/self/maps", "re");
    char line[512];
    while (fgets(line, sizeof line, maps) != nullptr)
      mappings += strstr(line, "/secretmem") != nullptr;
    fclose(maps);
    DIR* const open = opendir("/proc/self/fd");
    while (readdir(open) != nullptr) ++descriptors;
    closedir(open);
    struct secalloc_stats stats;
    if (secalloc_stats(&stats) == 0) secret_bytes = stats.secret_bytes;
  }
  bool operator==(const Traces&) const = default;
};

struct Tally {
  std::atomic<int> refused{0}, other{0};
};

void TryToFork(Tally& tally) {
  for (int i = 0; i < kTriesEach; ++i) {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    ++(child == -1 && errno == EAGAIN ? tally.refused : tally.other);
    if (child > 0) EndOf(child);
  }
}

int ForkAndCheck(const std::vector<char*>& secrets) {
  return InChild([&] {
    for (const char* secret : secrets) {
      if (secret[0] != 5 || secret[kSize - 1] != 5) return 1;
    }
    return 0;
  });
}

int FactsUnprivileged() {
  std::vector<char*> secrets;
  for (size_t bytes = 0; bytes < kLimit * 3 / 4; bytes += kSize) {
    secrets.push_back(static_cast<char*>(secalloc_malloc(kSize)));
    if (ProtectionOf(secrets.back()) != SECALLOC_SECRET) {
      printf("SKIP: kernel: no memfd_secret(2)\n");
      return 0;
    }
    memset(secrets.back(), 5, kSize);
  }
  const Traces before;
  Tally tally;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back([&tally] { TryToFork(tally); });
  for (std::thread& thread : threads) thread.join();
  Fact("three quarters of the limit in secrets: 900 forks by 3 threads are EAGAIN",
       tally.refused == kThreads * kTriesEach && tally.other == 0);
  Fact("... and leave no mapping, descriptor or locked page", before == Traces());
  size_t whole = 0;
  for (const char* secret : secrets) whole += secret[0] == 5 && secret[kSize - 1] == 5;
  Fact("... and the secrets whole", whole == secrets.size());
  while (secrets.size() > 100) {
    secalloc_free(secrets.back());
    secrets.pop_back();
  }
  secalloc_trim();
  Fact("with less of them a child has its copy", ForkAndCheck(secrets) == 0);
  return Summary();
}

// Only /proc shows what is left behind, and only to processes that may be dumped.
bool BecomeNobody() {
  const struct rlimit limit = {kLimit, kLimit};
  return setrlimit(RLIMIT_MEMLOCK, &limit) == 0 && setgroups(0, nullptr) == 0 &&
         setgid(kNobody) == 0 && setuid(kNobody) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0;
}

}  // namespace

int main(int count, char**) {
  alarm(280);
  if (count == 1) {
    const Outcome outcome =
        Run({"/proc/self/exe", "nobody"}, {"SECALLOC_OPTIONS=budget=2M,fallback=none"});
    Fact("as nobody: " + outcome.Describe(), outcome.exit == 0);
    return Summary();
  }
  if (!BecomeNobody()) {
    printf("SKIP: machine: only root can become nobody\n");
    return 0;
  }
  return FactsUnprivileged();
}
