// malloc's common patterns. The program knows nothing of the library: LD_PRELOAD decides whose
// malloc it measures. Times are CPU time for one object, allocated and freed (two threads: for
// one of the objects of either). The first byte of each object is written.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <random>
#include <semaphore>
#include <thread>
#include <vector>

namespace secure_alloc::bench {
namespace {

constexpr int kLive = 8192;
constexpr int kBatch = 1000;

void* Allocate(size_t size) {
  char* object = static_cast<char*>(malloc(size));
  if (object == nullptr) abort();
  object[0] = 1;
  benchmark::DoNotOptimize(object);
  return object;
}

// Numbers below `limit`, the same in every run: what is drawn is not to cost what is measured.
std::vector<uint32_t> Draw(size_t count, uint32_t limit) {
  std::mt19937 engine(1);
  std::vector<uint32_t> numbers(count);
  for (uint32_t& number : numbers) number = engine() % limit;
  return numbers;
}

void Pair(benchmark::State& state, size_t size) {
  for (auto _ : state) free(Allocate(size));
}

// Replaces one of many live objects by a new one, of one size or of all up to `largest`.
void Churn(benchmark::State& state, size_t smallest, size_t largest) {
  const std::vector<uint32_t> places = Draw(1 << 16, kLive);
  std::vector<uint32_t> sizes = Draw(places.size(), static_cast<uint32_t>(largest - smallest + 1));
  for (uint32_t& size : sizes) size += static_cast<uint32_t>(smallest);
  std::vector<void*> live(kLive);
  for (int i = 0; i < kLive; ++i) live[i] = Allocate(sizes[i]);
  size_t step = 0;
  for (auto _ : state) {
    void*& place = live[places[step]];
    free(place);
    place = Allocate(sizes[step]);
    step = (step + 1) % places.size();
  }
  for (void* object : live) free(object);
}

enum class Order { kLastFirst, kRandom };

void Batch(benchmark::State& state, size_t size, Order order) {
  std::array<void*, kBatch> objects;
  std::vector<int> turns(kBatch);
  std::iota(turns.rbegin(), turns.rend(), 0);
  if (order == Order::kRandom) std::shuffle(turns.begin(), turns.end(), std::mt19937(1));
  while (state.KeepRunningBatch(kBatch)) {
    for (void*& object : objects) object = Allocate(size);
    for (const int turn : turns) free(objects[turn]);
  }
}

void Calloc(benchmark::State& state, size_t size) {
  for (auto _ : state) {
    void* object = calloc(1, size);
    benchmark::DoNotOptimize(object);
    free(object);
  }
}

// One object that doubles from 16 bytes to 1 MiB, as a growing string does.
void Growth(benchmark::State& state) {
  constexpr int kDoublings = 16;
  while (state.KeepRunningBatch(kDoublings)) {
    void* object = Allocate(16);
    for (int i = 1; i <= kDoublings; ++i) {
      object = realloc(object, size_t{16} << i);
      benchmark::DoNotOptimize(object);
    }
    free(object);
  }
}

// One thread allocates, another frees: they hand over batches, and sleep while they wait.
void ProducerConsumer(benchmark::State& state, size_t size) {
  std::array<void*, kBatch> objects;
  std::binary_semaphore full(0), empty(1);
  bool more = true;
  std::thread consumer([&] {
    for (full.acquire(); more; full.acquire()) {
      for (void* object : objects) free(object);
      empty.release();
    }
  });
  while (state.KeepRunningBatch(kBatch)) {
    empty.acquire();
    for (void*& object : objects) object = Allocate(size);
    full.release();
  }
  empty.acquire();
  more = false;
  full.release();
  consumer.join();
}

template <typename... Arguments>
benchmark::internal::Benchmark* Add(const char* name, Arguments... arguments) {
  return benchmark::RegisterBenchmark(name, arguments...);
}

void AddAll() {
  Add("malloc+free 16 B", Pair, 16);
  Add("malloc+free 64 B", Pair, 64);
  Add("malloc+free 256 B", Pair, 256);
  Add("malloc+free 1024 B", Pair, 1024);
  Add("malloc+free 64 KiB", Pair, 64 << 10);
  Add("malloc+free 1 MiB", Pair, 1 << 20);
  Add("churn among 8192 live: 16 B", Churn, 16, 16);
  Add("churn among 8192 live: 1 to 1024 B", Churn, 1, 1024);
  Add("1000 freed last first: 16 B", Batch, 16, Order::kLastFirst);
  Add("1000 freed at random: 16 B", Batch, 16, Order::kRandom);
  Add("1000 freed at random: 256 B", Batch, 256, Order::kRandom);
  Add("calloc+free 1024 B", Calloc, 1024);
  Add("realloc: each doubling up to 1 MiB", Growth);
  Add("two threads: malloc+free 64 B", Pair, 64)->Threads(2);
  Add("two threads: 1000 freed at random: 64 B", Batch, 64, Order::kRandom)->Threads(2);
  Add("producer to consumer: 64 B", ProducerConsumer, 64)->MeasureProcessCPUTime();
}

}  // namespace
}  // namespace secure_alloc::bench

int main(int argc, char** argv) {
  secure_alloc::bench::AddAll();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
