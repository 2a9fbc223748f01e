// secret_growth WAY: 10,000 new secrets of 32 to 4096 bytes, all written, while a thread walks
// through memory on the other CPU. WAY:
//
//   ours    secalloc_malloc; it needs the library preloaded
//   files   a memfd_secret(2) file for each object
//   touch   one file for all, whose pages come as they are touched
//
// Lines are FIGURE, UNIT, WAY and VALUE: what an object and a page cost, the other thread's
// slow-down by its own CPU time, and what of the kernel's direct map was split (/proc/meminfo).
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "bench/micro/secret_api.h"

namespace {

constexpr size_t kObjects = 10000, kSmallest = 32, kLargest = 4096, kPage = 4096;
constexpr long kMemfdSecret = 447;

double Now(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return 1e9 * static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec);
}

// --- Ways ----------------------------------------------------------------------------------------

char* MapSecret(size_t size) {
  const int file = static_cast<int>(syscall(kMemfdSecret, O_CLOEXEC));
  if (file < 0 || ftruncate(file, static_cast<off_t>(size)) != 0) return nullptr;
  void* const pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  return pages == MAP_FAILED ? nullptr : static_cast<char*>(pages);
}

void* OfOurs(size_t size) {
  static auto* const allocate =
      secure_alloc::bench::FindSecretApi<void*(size_t)>("secalloc_malloc");
  return allocate == nullptr ? nullptr : allocate(size);
}

void* OfItsOwnFile(size_t size) { return MapSecret((size + kPage - 1) / kPage * kPage); }

void* OfOneFile(size_t size) {
  static char* next = MapSecret(kObjects * kLargest);
  if (next == nullptr) return nullptr;
  char* const object = next;
  next += (size + 15) / 16 * 16;
  return object;
}

// --- The other thread ----------------------------------------------------------------------------

std::atomic<bool> stop{false};
std::atomic<uint64_t> walks{0};
clockid_t walker_clock;

void* Walk(void*) {
  constexpr size_t kPages = 512;
  static char memory[kPages * kPage];
  unsigned sum = 0;
  while (!stop.load(std::memory_order_relaxed)) {
    for (size_t i = 0; i < kPages; ++i) {
      volatile char& byte = memory[i * kPage + i % 61 * 64];
      byte = static_cast<char>(byte + 1);
      sum += static_cast<unsigned char>(byte);
    }
    walks.fetch_add(1, std::memory_order_relaxed);
  }
  return reinterpret_cast<void*>(static_cast<uintptr_t>(sum));
}

void StayOn(pthread_t thread, int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  pthread_setaffinity_np(thread, sizeof cpus, &cpus);  // Where it can't the kernel chooses.
}

// CPU time of the walker for one walk, meanwhile.
template <typename Meanwhile>
double CostOfWalk(Meanwhile meanwhile) {
  const double start = Now(walker_clock);
  const uint64_t before = walks.load();
  meanwhile();
  return (Now(walker_clock) - start) /
         static_cast<double>(std::max<uint64_t>(walks.load() - before, 1));
}

// --- Figures -------------------------------------------------------------------------------------

size_t KibOf(const char* path, const char* field) {
  FILE* const file = fopen(path, "re");
  char line[256];
  size_t kib = 0;
  while (fgets(line, sizeof line, file) != nullptr) {
    if (strncmp(line, field, strlen(field)) == 0) kib += strtoul(line + strlen(field), nullptr, 10);
  }
  fclose(file);
  return kib;
}

// Pages of secret memory that are there.
size_t SecretPages() {
  FILE* const file = fopen("/proc/self/smaps", "re");
  char line[512];
  bool secret = false;
  size_t kib = 0, of_line;
  while (fgets(line, sizeof line, file) != nullptr) {
    if (strchr(line, '-') != nullptr && strchr(line, '/') != nullptr) {
      secret = strstr(line, "/secretmem") != nullptr;
    } else if (line[0] >= 'a' && line[0] <= 'f') {
      secret = false;
    }
    if (secret && sscanf(line, "Rss: %zu", &of_line) == 1) kib += of_line;
  }
  fclose(file);
  return kib / 4;
}

std::vector<size_t> Sizes() {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> logarithm(std::log2(kSmallest), std::log2(kLargest));
  std::vector<size_t> sizes(kObjects);
  for (size_t& size : sizes) size = static_cast<size_t>(std::exp2(logarithm(random)));
  return sizes;
}

struct Way {
  const char* name;
  void* (*allocate)(size_t);
};
constexpr Way kWays[] = {{"ours", OfOurs}, {"files", OfItsOwnFile}, {"touch", OfOneFile}};

int Measure(const Way& way) {
  pthread_t walker;
  StayOn(pthread_self(), 0);
  if (pthread_create(&walker, nullptr, Walk, nullptr) != 0) return 1;
  StayOn(walker, 1);
  pthread_getcpuclockid(walker, &walker_clock);
  const double alone = CostOfWalk([] { usleep(200000); });
  const std::vector<size_t> sizes = Sizes();
  const size_t map_before = KibOf("/proc/meminfo", "DirectMap4k:");
  bool good = true;
  double cpu = 0;
  const double together = CostOfWalk([&] {
    const double start = Now(CLOCK_THREAD_CPUTIME_ID);
    for (const size_t size : sizes) {
      void* const object = way.allocate(size);
      if (object == nullptr) {
        good = false;
        break;
      }
      memset(object, 1, size);
    }
    cpu = Now(CLOCK_THREAD_CPUTIME_ID) - start;
  });
  const size_t split = KibOf("/proc/meminfo", "DirectMap4k:") - map_before;
  stop = true;
  pthread_join(walker, nullptr);
  const auto pages = static_cast<double>(SecretPages());
  if (!good || pages == 0)
    return fprintf(stderr, "secret_growth %s: no secret memory\n", way.name), 1;
  printf("10000 new secrets, pages\tpages\t%s\t%.0f\n", way.name, pages);
  printf("10000 new secrets, CPU time for an object\tus\t%s\t%.2f\n", way.name,
         cpu / 1e3 / kObjects);
  printf("10000 new secrets, CPU time for a page\tus\t%s\t%.2f\n", way.name, cpu / 1e3 / pages);
  printf("10000 new secrets, slow-down of the other CPU\t%%\t%s\t%.1f\n", way.name,
         100 * (together / alone - 1));
  printf("10000 new secrets, other CPU's time lost\tms\t%s\t%.2f\n", way.name,
         std::max(0.0, 1 - alone / together) * cpu / 1e6);
  printf("10000 new secrets, direct map split\tKiB\t%s\t%zd\n", way.name,
         static_cast<ssize_t>(split));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  for (const Way& way : kWays) {
    if (argc == 2 && strcmp(argv[1], way.name) == 0) return Measure(way);
  }
  fprintf(stderr, "usage: secret_growth ours|files|touch\n");
  return 2;
}
