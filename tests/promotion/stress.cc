// One page is promoted and demoted again and again while four threads write to it and one makes
// system calls on it: every counter is exact, every byte arrives.
//
//   stress [--rounds N] [--method faults|user|stop] [--unprivileged]
//
// What a method does not promise is counted, not failed: system calls that give EFAULT or come out
// short under `user`, EINTR under `stop`.
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "secure_alloc/secure_alloc.h"

namespace {

constexpr size_t kPage = 4096;
constexpr int kWriters = 4;
constexpr size_t kBlock = 512;

struct Page {
  std::atomic<uint64_t> own[kWriters][8];  // a cache line each
  std::atomic<uint64_t> added, swapped;
  volatile uint64_t stored[kWriters];
  std::atomic<uint32_t> futex_word;
  char sent[kBlock];
  char received[kBlock];
};
static_assert(sizeof(Page) <= kPage);

struct Settings {
  long rounds = 20000;
  int method = 0;
  bool unprivileged = false;
};

std::atomic<bool> stop = false;

// Lets others run now and then: what is tested is the exchange, not the scheduler.
void Write(Page& page, int writer, uint64_t* count) {
  for (; !stop; ++*count) {
    ++page.own[writer][0];
    ++page.added;
    page.stored[writer] = page.stored[writer] + 1;
    uint64_t seen = page.swapped;
    while (!page.swapped.compare_exchange_weak(seen, seen + 1)) {
    }
    if (*count % 64 == 0) sched_yield();
  }
}

struct Calls {
  long made = 0, faults = 0, interrupted = 0, shorts = 0, wrong = 0;
};

class Caller {
 public:
  Caller(Page& page, Calls& calls) : page_(page), calls_(calls) {
    if (pipe(pipe_) != 0) abort();
  }
  ~Caller() {
    close(pipe_[0]);
    close(pipe_[1]);
  }

  void Run() {
    for (unsigned char byte = 1; !stop; ++byte) {
      memset(page_.sent, byte, kBlock);
      memset(page_.received, 0, kBlock);
      Transfer([&](size_t done) { return write(pipe_[1], page_.sent + done, kBlock - done); });
      Transfer([&](size_t done) { return read(pipe_[0], page_.received + done, kBlock - done); });
      if (memcmp(page_.sent, page_.received, kBlock) != 0) ++calls_.wrong;
      Futex();
      sched_yield();
    }
  }

 private:
  // The whole block, whatever it takes.
  template <typename Call>
  void Transfer(Call call) {
    for (size_t done = 0; done < kBlock;) {
      const ssize_t size = call(done);
      ++calls_.made;
      if (size < 0) {
        Count(errno);
      } else {
        done += static_cast<size_t>(size);
        calls_.shorts += done < kBlock;
      }
    }
  }

  void Futex() {
    // A word that does not hold what is expected: no sleep.
    ++calls_.made;
    if (syscall(SYS_futex, &page_.futex_word, FUTEX_WAIT_PRIVATE, 1, nullptr) == 0 ||
        errno != EAGAIN) {
      Count(errno);
    }
  }

  void Count(int error) {
    if (error == EFAULT) {
      ++calls_.faults;
    } else if (error == EINTR) {
      ++calls_.interrupted;
    } else {
      ++calls_.wrong;
    }
  }

  Page& page_;
  Calls& calls_;
  int pipe_[2];
};

double Now() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

long Convert(void* page, const Settings& settings) {
  long failures = 0;
  for (long round = 0; round < settings.rounds; ++round) {
    for (const int advice : {SECALLOC_MADV_SECRET, SECALLOC_MADV_NORMAL}) {
      if (secalloc_madvise(page, kPage, advice | settings.method) == 0) continue;
      if (++failures == 1) perror("FAILED secalloc_madvise");
    }
  }
  return failures;
}

bool Holds(bool fact, const char* sentence, unsigned long figure) {
  printf("%s %s: %lu\n", fact ? "ok    " : "FAILED", sentence, figure);
  return fact;
}

bool CheckCounters(const Page& page, const std::vector<uint64_t>& counts) {
  uint64_t all = 0, lost = 0;
  for (int i = 0; i < kWriters; ++i) {
    all += counts[i];
    lost += page.own[i][0] != counts[i];
    lost += page.stored[i] != counts[i];
  }
  lost += page.added != all;
  lost += page.swapped != all;
  return Holds(lost == 0, "counters that are wrong", lost) &
         Holds(all > 0, "rounds of writers", all);
}

bool CheckCalls(const Calls& calls, int method) {
  const bool user = method == SECALLOC_BY_USER_FAULTS, stopping = method == SECALLOC_BY_STOPPING;
  bool good = Holds(calls.made > 0, "system calls", static_cast<unsigned long>(calls.made));
  good &= Holds(calls.wrong == 0, "of them wrong", static_cast<unsigned long>(calls.wrong));
  good &=
      Holds(calls.faults == 0 || user, "of them EFAULT", static_cast<unsigned long>(calls.faults));
  good &= Holds(calls.shorts == 0 || user || stopping, "of them short",
                static_cast<unsigned long>(calls.shorts));
  return good & Holds(calls.interrupted == 0 || stopping, "of them EINTR",
                      static_cast<unsigned long>(calls.interrupted));
}

int Run(const Settings& settings) {
  void* const memory =
      mmap(nullptr, 3 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  Page& page = *new (static_cast<char*>(memory) + kPage) Page;
  std::vector<uint64_t> counts(kWriters);
  Calls calls;
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) threads.emplace_back(Write, std::ref(page), i, &counts[i]);
  threads.emplace_back([&] { Caller(page, calls).Run(); });
  const double start = Now();
  const long failures = Convert(&page, settings);
  const double seconds = Now() - start;
  struct secalloc_stats stats;
  secalloc_stats(&stats);
  stop = true;
  for (std::thread& thread : threads) thread.join();
  const int method =
      settings.method != 0 ? settings.method : static_cast<int>(stats.promotion_method);
  printf("%ld rounds in %.1f s, method 0x%x, uid %u\n", settings.rounds, seconds,
         static_cast<unsigned>(method), getuid());
  bool good = Holds(failures == 0, "conversions refused", static_cast<unsigned long>(failures));
  good &= Holds(stats.promotions == static_cast<unsigned long>(settings.rounds), "promotions",
                stats.promotions);
  good &= CheckCounters(page, counts);
  good &= CheckCalls(calls, method);
  return good ? 0 : 1;
}

int MethodOf(const char* name) {
  if (strcmp(name, "faults") == 0) return SECALLOC_BY_FAULTS;
  if (strcmp(name, "user") == 0) return SECALLOC_BY_USER_FAULTS;
  if (strcmp(name, "stop") == 0) return SECALLOC_BY_STOPPING;
  fprintf(stderr, "stress: no method `%s`: faults, user or stop\n", name);
  exit(2);
}

void BecomeNobody() {
  const struct rlimit limit = {8 << 20, 8 << 20};
  if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0 || setresgid(65534, 65534, 65534) != 0 ||
      setresuid(65534, 65534, 65534) != 0) {
    perror("stress: --unprivileged needs root to begin with");
    exit(2);
  }
}

}  // namespace

int main(int count, char** arguments) {
  Settings settings;
  for (int i = 1; i < count; ++i) {
    const bool has_value = i + 1 < count;
    if (strcmp(arguments[i], "--rounds") == 0 && has_value) {
      settings.rounds = atol(arguments[++i]);
    } else if (strcmp(arguments[i], "--method") == 0 && has_value) {
      settings.method = MethodOf(arguments[++i]);
    } else if (strcmp(arguments[i], "--unprivileged") == 0) {
      settings.unprivileged = true;
    } else {
      fprintf(stderr, "usage: stress [--rounds N] [--method faults|user|stop] [--unprivileged]\n");
      return 2;
    }
  }
  if (settings.unprivileged) BecomeNobody();
  return Run(settings);
}
