// What promotion costs: bazel run //bench/promotion
//
// For each size, interleaved round by round: promotion and demotion with pages ready (warm) and
// without (cold), the longest time another thread waited for one store if it did, mlock(2) +
// MADV_DONTDUMP and back, and the bound: a copy and two mremaps. Then what four writers get done
// while promotion runs in a loop. Medians and quartiles, in microseconds.
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "secure_alloc/secure_alloc.h"

namespace {

constexpr size_t kPage = 4096, kKiB = 1024, kMiB = 1024 * kKiB;

double Now() {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) * 1e-3;
}

void Must(bool done, const char* what) {
  if (done) return;
  perror(what);
  exit(1);
}

template <typename Work>
double Time(Work work) {
  const double start = Now();
  work();
  return Now() - start;
}

char* Map(size_t bytes, int protection) {
  void* const memory = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  Must(memory != MAP_FAILED, "mmap");
  return static_cast<char*>(memory);
}

// Stores to one page after the other; remembers the longest time a store took.
class Toucher {
 public:
  Toucher(char* begin, size_t bytes) : thread_([this, begin, bytes] { Touch(begin, bytes); }) {}
  ~Toucher() {
    stop_ = true;
    thread_.join();
  }
  // Once a store that waits now is over.
  double TakeLongest() {
    usleep(500);
    return longest_.exchange(0);
  }

 private:
  void Touch(char* begin, size_t bytes) {
    while (!stop_) {
      for (size_t at = 0; at < bytes && !stop_; at += kPage) {
        const double took = Time([&] { *static_cast<volatile char*>(begin + at) = 1; });
        if (took > longest_) longest_ = took;
      }
      sched_yield();
    }
  }

  std::atomic<bool> stop_ = false;
  std::atomic<double> longest_ = 0;
  std::thread thread_;
};

struct Series {
  const char* name;
  std::vector<double> values;

  // Rounds in which the other thread did not run, or was elsewhere, tell nothing.
  void AddWait(double wait) {
    if (wait > 1) values.push_back(wait);
  }

  void Print(size_t bytes) {
    if (values.empty()) {
      printf("| %6zu KiB | %-34s |      none |           -           |\n", bytes / kKiB, name);
      return;
    }
    std::sort(values.begin(), values.end());
    const auto at = [this](double share) {
      return values[static_cast<size_t>(share * static_cast<double>(values.size() - 1))];
    };
    printf("| %6zu KiB | %-34s | %9.1f | %9.1f - %9.1f |\n", bytes / kKiB, name, at(0.5), at(0.25),
           at(0.75));
  }
};

double MlockAndBack(char* memory, size_t bytes) {
  return Time([=] {
    Must(madvise(memory, bytes, MADV_DONTDUMP) == 0 && mlock(memory, bytes) == 0, "mlock");
    Must(munlock(memory, bytes) == 0 && madvise(memory, bytes, MADV_DODUMP) == 0, "munlock");
  });
}

// The least that an exchange of pages can cost: out of place, a copy, into place.
double CopyAndMove(size_t bytes) {
  char* const old = Map(bytes, PROT_READ | PROT_WRITE);
  char* const fresh = Map(bytes, PROT_READ | PROT_WRITE);
  char* const staging = Map(bytes, PROT_NONE);
  memset(old, 1, bytes);
  memset(fresh, 2, bytes);
  const double took = Time([=] {
    Must(mremap(old, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, staging) != MAP_FAILED, "mremap");
    memcpy(fresh, staging, bytes);
    Must(mremap(fresh, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, old) != MAP_FAILED, "mremap");
  });
  munmap(staging, bytes);
  munmap(old, bytes);
  return took;
}

void Advise(char* memory, size_t bytes, int advice) {
  Must(secalloc_madvise(memory, bytes, advice) == 0, "secalloc_madvise");
}

void MeasureSize(size_t bytes, int method, int rounds) {
  char* const memory = Map(bytes, PROT_READ | PROT_WRITE);
  memset(memory, 1, bytes);
  Series cold = {"promote, cold", {}}, warm = {"promote, warm", {}}, demote = {"demote", {}};
  Series promote_wait = {"others wait, promotion (warm)", {}};
  Series demote_wait = {"others wait, demotion", {}};
  Series locked = {"mlock + DONTDUMP, and back", {}}, bound = {"bound: copy + two mremaps", {}};
  for (int round = 0; round < rounds; ++round) {
    Must(secalloc_trim() == 0, "secalloc_trim");
    cold.values.push_back(Time([=] { Advise(memory, bytes, SECALLOC_MADV_SECRET | method); }));
    Advise(memory, bytes, SECALLOC_MADV_NORMAL | method);
    Must(secalloc_trim() == 0, "secalloc_trim");
    Advise(nullptr, bytes, SECALLOC_MADV_RESERVE);
    warm.values.push_back(Time([=] { Advise(memory, bytes, SECALLOC_MADV_SECRET | method); }));
    demote.values.push_back(Time([=] { Advise(memory, bytes, SECALLOC_MADV_NORMAL | method); }));
    locked.values.push_back(MlockAndBack(memory, bytes));
    bound.values.push_back(CopyAndMove(bytes));
  }
  {
    Toucher toucher(memory, bytes);
    usleep(10000);
    for (int round = 0; round < rounds; ++round) {
      toucher.TakeLongest();
      Advise(memory, bytes, SECALLOC_MADV_SECRET | method);
      promote_wait.AddWait(toucher.TakeLongest());
      Advise(memory, bytes, SECALLOC_MADV_NORMAL | method);
      demote_wait.AddWait(toucher.TakeLongest());
    }
  }
  for (Series* series : {&warm, &cold, &promote_wait, &demote, &demote_wait, &locked, &bound}) {
    series->Print(bytes);
  }
  munmap(memory, bytes);
}

// Additions of four threads in a second, with or without promotion in a loop.
double Throughput(char* page, int method, bool promote) {
  constexpr int kWriters = 4;
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> total = 0;
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&, i] {
      volatile uint64_t* const word = reinterpret_cast<volatile uint64_t*>(page + 64 * i);
      uint64_t count = 0;
      for (; !stop; ++count) *word = *word + 1;
      total += count;
    });
  }
  const double start = Now();
  long pairs = 0;
  for (; Now() - start < 1e6; ++pairs) {
    if (promote) {
      Advise(page, kPage, SECALLOC_MADV_SECRET | method);
      Advise(page, kPage, SECALLOC_MADV_NORMAL | method);
    } else {
      usleep(1000);
    }
  }
  stop = true;
  const double seconds = (Now() - start) * 1e-6;
  for (std::thread& writer : writers) writer.join();
  if (promote)
    printf("%ld promotions and demotions a second; ",
           static_cast<long>(static_cast<double>(pairs) / seconds));
  return static_cast<double>(total) / seconds;
}

void MeasureWriters(int method) {
  char* const page = Map(kPage, PROT_READ | PROT_WRITE);
  const double alone = Throughput(page, method, false);
  const double beside = Throughput(page, method, true);
  printf("four writers keep %.0f%% of their throughput\n", 100 * beside / alone);
  munmap(page, kPage);
}

}  // namespace

int main(int count, char** arguments) {
  const bool smoke = count > 1 && strcmp(arguments[1], "--smoke") == 0;
  struct utsname name;
  uname(&name);
  printf("kernel %s, %ld CPUs, microseconds: median, quartiles\n", name.release,
         sysconf(_SC_NPROCESSORS_ONLN));
  const struct {
    const char* name;
    int method;
  } methods[] = {{"faults", SECALLOC_BY_FAULTS},
                 {"user faults", SECALLOC_BY_USER_FAULTS},
                 {"stopping", SECALLOC_BY_STOPPING}};
  for (const auto& method : methods) {
    char* const probe = Map(kPage, PROT_READ | PROT_WRITE);
    if (secalloc_madvise(probe, kPage, SECALLOC_MADV_SECRET | method.method) != 0) {
      Must(errno == EOPNOTSUPP, "secalloc_madvise");
      printf("\nSKIP: kernel: no promotion by %s\n", method.name);
      continue;
    }
    munmap(probe, kPage);
    printf("\nby %s\n", method.name);
    for (const size_t bytes : {4 * kKiB, 64 * kKiB, kMiB, 64 * kMiB}) {
      if (smoke && bytes > 64 * kKiB) break;
      MeasureSize(bytes, method.method, smoke ? 2 : bytes > kMiB ? 5 : 101);
    }
    if (!smoke) MeasureWriters(method.method);
  }
  return 0;
}
