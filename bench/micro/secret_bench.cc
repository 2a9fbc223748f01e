// The secret domain against the same library's ordinary heap and other libraries' secret memory:
// `ordinary|FIGURE`, `secret|FIGURE` and so on do the same through malloc, secalloc_malloc and
// those of peers.h, CPU time for one object allocated and freed. It needs the library preloaded.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "bench/micro/peers.h"
#include "bench/micro/secret_api.h"

namespace secure_alloc::bench {
namespace {

using Domain = SecretMemory;

// Of peers: what 10,000 objects of the largest size in use here need, and more.
constexpr size_t kPool = 16 << 20;

void* Allocate(const Domain& domain, size_t size) {
  char* object = static_cast<char*>(domain.allocate(size));
  if (object == nullptr) {
    fprintf(stderr, "secret_bench: no memory for a %s object of %zu bytes; raise the memlock "
            "limit (ulimit -l)\n", domain.name.c_str(), size);
    exit(1);
  }
  object[0] = 1;
  benchmark::DoNotOptimize(object);
  return object;
}

void Pair(benchmark::State& state, Domain domain, size_t size) {
  for (auto _ : state) domain.release(Allocate(domain, size));
}

// Replaces one of `live` objects of all threads together by a new one.
void Churn(benchmark::State& state, Domain domain, size_t size, size_t live) {
  std::mt19937 engine(state.thread_index() + 1);
  std::vector<void*> objects(live / state.threads());
  for (void*& object : objects) object = Allocate(domain, size);
  std::vector<uint32_t> places(1 << 14);
  for (uint32_t& place : places) place = engine() % objects.size();
  size_t step = 0;
  for (auto _ : state) {
    void*& object = objects[places[step]];
    domain.release(object);
    object = Allocate(domain, size);
    step = (step + 1) % places.size();
  }
  for (void* object : objects) domain.release(object);
}

void AddAll(const Domain& domain) {
  const auto add = [&](const char* figure, auto... arguments) {
    return benchmark::RegisterBenchmark((domain.name + "|" + figure).c_str(), arguments...);
  };
  add("malloc+free 32 B", Pair, domain, 32);
  add("malloc+free 256 B", Pair, domain, 256);
  add("malloc+free 1024 B", Pair, domain, 1024);
  add("32 B among 1000 live", Churn, domain, 32, 1000);
  add("32 B among 10000 live", Churn, domain, 32, 10000);
  add("two threads: 32 B among 1000 live", Churn, domain, 32, 1000)->Threads(2);
  add("two threads: 32 B among 10000 live", Churn, domain, 32, 10000)->Threads(2);
}

}  // namespace
}  // namespace secure_alloc::bench

int main(int argc, char** argv) {
  using secure_alloc::bench::FindSecretApi;
  auto* allocate = FindSecretApi<void*(size_t)>("secalloc_malloc");
  auto* release = FindSecretApi<void(void*)>("secalloc_free");
  if (allocate == nullptr || release == nullptr) {
    fprintf(stderr, "secret_bench: no secalloc API here; set LD_PRELOAD to the library\n");
    return 2;
  }
  secure_alloc::bench::AddAll({"ordinary", malloc, free});
  secure_alloc::bench::AddAll({"secret", allocate, release});
  for (const auto& peer : secure_alloc::bench::FindPeers(secure_alloc::bench::kPool)) {
    secure_alloc::bench::AddAll(peer);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
