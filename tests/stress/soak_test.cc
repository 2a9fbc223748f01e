// Hours of a server's life in a minute: secrets of mixed sizes and lifetimes in several domains,
// through phases of more and less use. Tells internal and external fragmentation over time; at
// the end the secret pages in use are those of the live objects, and no file is without one.
//
//   soak_test [--steps N]      15 million by default; SECALLOC_TEST_SEED=n repeats a run
//
//   internal    of the pages in use, what was not asked for: slack, free slots, guards
//   external    of the pages of arenas, what is not in use
//   in use      pages of slabs, and of large objects with their guards
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <vector>

#include "allocator/entry/entry.h"
#include "include/secure_alloc/secure_alloc.h"
#include "tests/stress/footprint.h"
#include "tests/unit/seed.h"

namespace secure_alloc::test {
namespace {

constexpr int kDomains = 4;  // the standard one and three more
constexpr int kSamples = 30;
constexpr size_t kKept = 200;  // live at the end
constexpr size_t kMostLive = 6 << 20;  // bytes asked for

struct Phase {
  const char* name;
  double full;        // share of kMostLive that use tends to
  unsigned large;     // of 1000 objects, above 4 KiB
  unsigned lasting;   // of 100 objects, live long
};
constexpr Phase kPhases[] = {{"start", 0.3, 10, 50},    {"day", 0.8, 20, 10},
                             {"burst", 1.0, 100, 2},    {"night", 0.1, 5, 20},
                             {"keys", 0.5, 0, 80},      {"handshakes", 0.5, 30, 0},
                             {"buffers", 0.9, 400, 5},  {"idle", 0.02, 0, 50}};

struct Object {
  void* bytes;
  size_t size;
};

// What the kernel maps of secret memory, by /proc/self/maps.
uint64_t SecretMappedBytes() {
  FILE* const maps = fopen("/proc/self/maps", "re");
  char line[512];
  unsigned long begin, end;
  uint64_t bytes = 0;
  while (fgets(line, sizeof line, maps) != nullptr) {
    if (strstr(line, "/secretmem") != nullptr && sscanf(line, "%lx-%lx", &begin, &end) == 2) {
      bytes += end - begin;
    }
  }
  fclose(maps);
  return bytes;
}

class Soak {
 public:
  Soak() : random_(Seed()) {
    for (int i = 1; i < kDomains; ++i) {
      const secalloc_domain_config config = {.name = "soak", .quota = 0,
                                             .fallback = SECALLOC_FALLBACK_NONE,
                                             .fork = SECALLOC_FORK_DEFAULT, .flags = 0,
                                             .reserved = {}};
      domains_[i] = secalloc_domain_create(&config);
    }
  }

  bool Live(long steps) {
    printf("%-11s %8s %9s %9s %9s %7s %9s %9s\n", "phase", "objects", "asked KiB", "in use",
           "arenas", "arenas", "internal", "external");
    const long sample = std::max(1L, steps / kSamples);
    for (long step = 0; step < steps; ++step) {
      const auto phase =
          static_cast<size_t>(step * 2 * static_cast<long>(std::size(kPhases)) / steps);
      if (!Step(kPhases[phase % std::size(kPhases)])) return false;
      if (step % sample == sample - 1) Sample(kPhases[phase % std::size(kPhases)].name);
    }
    return true;
  }

  bool End() {
    while (brief_.size() + lasting_.size() > kKept) {
      std::vector<Object>& objects = brief_.empty() ? lasting_ : brief_;
      FreeOne(objects, Below(random_, objects.size()));
    }
    secalloc_trim();
    Sample("kept");
    const Stats stats = Get();
    const Footprint live = OfLiveObjects();
    bool good = Holds("secret pages in use, and those of the live objects",
                      stats.secret_used_bytes, live.secret_bytes());
    good &= Holds("secret pages, and those of files with live objects", stats.secret_bytes,
                  live.secret_file_bytes());
    good &= Holds("... and by the kernel", stats.secret_bytes, SecretMappedBytes());
    while (!brief_.empty()) FreeOne(brief_, 0);
    while (!lasting_.empty()) FreeOne(lasting_, 0);
    secalloc_trim();
    Sample("nothing");
    good &= Holds("when nothing is live, secret pages by the kernel", SecretMappedBytes(), 0);
    return good & Holds("refused", Get().refused_allocations, 0);
  }

 private:
  using Stats = struct secalloc_stats;

  static Stats Get() {
    Stats stats;
    if (secalloc_stats(&stats) != 0) abort();
    return stats;
  }

  static bool Holds(const char* what, uint64_t is, uint64_t must_be) {
    printf("%s %s: %lu, %lu\n", is == must_be ? "ok    " : "FAILED", what, is, must_be);
    return is == must_be;
  }

  size_t RandomSize(const Phase& phase) {
    if (random_() % 1000 < phase.large)
      return 4096 + random_() % (random_() % 16 == 0 ? 300000 : 30000);
    const size_t most = size_t{16} << random_() % 9;  // As many small ones as large ones.
    return 1 + random_() % most;
  }

  bool Step(const Phase& phase) {
    const auto wanted = static_cast<size_t>(phase.full * static_cast<double>(kMostLive));
    // Up to what the phase wants, then up and down around it.
    if (asked_ < wanted && random_() % 100 < 80) return AllocateOne(phase);
    std::vector<Object>& objects =
        lasting_.empty() || (!brief_.empty() && random_() % 100 < 90) ? brief_ : lasting_;
    if (!objects.empty()) FreeOne(objects, Below(random_, objects.size()));
    return true;
  }

  bool AllocateOne(const Phase& phase) {
    const size_t size = RandomSize(phase);
    void* const bytes = secalloc_domain_malloc(domains_[random_() % kDomains], size);
    if (bytes == nullptr) return perror("FAILED secalloc_domain_malloc"), false;
    memset(bytes, 1, size);
    (random_() % 100 < phase.lasting ? lasting_ : brief_).push_back({bytes, size});
    asked_ += size;
    return true;
  }

  void FreeOne(std::vector<Object>& objects, size_t i) {
    asked_ -= objects[i].size;
    secalloc_free(objects[i].bytes);
    objects[i] = objects.back();
    objects.pop_back();
  }

  void Sample(const char* phase) {
    const Stats stats = Get();
    const auto share = [](uint64_t part, uint64_t whole) {
      return whole == 0 ? 0.0
                        : 100.0 * (1.0 - static_cast<double>(part) / static_cast<double>(whole));
    };
    printf("%-11s %8zu %9zu %9lu %9lu %7lu %8.1f%% %8.1f%%\n", phase,
           brief_.size() + lasting_.size(), asked_ / 1024, stats.secret_used_bytes / 1024,
           stats.secret_bytes / 1024, stats.secret_arenas, share(asked_, stats.secret_used_bytes),
           share(stats.secret_used_bytes, stats.secret_bytes));
  }

  Footprint OfLiveObjects() const {
    Footprint footprint;
    for (const std::vector<Object>* objects : {&brief_, &lasting_}) {
      for (const Object& object : *objects) footprint.Add(object.bytes);
    }
    return footprint;
  }

  Random random_;
  secalloc_domain* domains_[kDomains] = {};
  std::vector<Object> brief_, lasting_;
  size_t asked_ = 0;
};

int RunFor(long steps) {
  if (!entry::Start()) return 1;
  void* const probe = secalloc_malloc(1);
  secalloc_info info;
  if (secalloc_query(probe, &info) != 0 || info.protection != SECALLOC_SECRET) {
    printf("SKIP: kernel: no memfd_secret(2)\n");
    return 0;
  }
  secalloc_free(probe);
  Soak soak;
  return soak.Live(steps) && soak.End() ? 0 : 1;
}

}  // namespace
}  // namespace secure_alloc::test

int main(int count, char** arguments) {
  long steps = 15000000;
  if (count == 3 && strcmp(arguments[1], "--steps") == 0) {
    steps = strtol(arguments[2], nullptr, 10);
  } else if (count != 1) {
    fprintf(stderr, "usage: soak_test [--steps N]\n");
    return 2;
  }
  setenv("SECALLOC_OPTIONS", "budget=64M,fallback=none", /*overwrite=*/0);
  return secure_alloc::test::RunFor(steps);
}
