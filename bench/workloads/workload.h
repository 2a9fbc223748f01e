// What every workload has: its parameters, numbers that are the same in every run, objects that
// are really written and read, and a line that says what was done.
//
// A workload knows nothing of the allocator. Its line depends on its parameters alone, so whoever
// compares allocators sees a wrong answer, too.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <thread>
#include <vector>

namespace secure_alloc::bench {

// The numbers of the command line, in the order of `names`; anything else ends the program.
class Parameters {
 public:
  Parameters(int argc, char** argv, std::initializer_list<const char*> names) {
    for (int i = 1; i < argc; ++i) {
      char* end;
      values_.push_back(strtoull(argv[i], &end, 10));
      if (*end != 0 || end == argv[i]) values_.clear(), argc = 0;
    }
    if (values_.size() == names.size()) return;
    fprintf(stderr, "usage: %s", argv[0]);
    for (const char* name : names) fprintf(stderr, " %s", name);
    fprintf(stderr, "\n");
    exit(2);
  }

  size_t operator[](size_t i) const { return values_[i]; }

 private:
  std::vector<size_t> values_;
};

// Marsaglia's xorshift64*: quick enough to be drawn in the measured loop.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u | 1) {}

  uint64_t Next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1Du;
  }

  size_t Below(size_t limit) {
    return static_cast<size_t>((static_cast<unsigned __int128>(Next()) * limit) >> 64);
  }

  size_t Between(size_t low, size_t high) { return low + Below(high - low + 1); }

 private:
  uint64_t state_;
};

// What was done: counts objects, and adds up what was read from them.
struct Work {
  uint64_t objects = 0;
  uint64_t sum = 0;

  Work& operator+=(const Work& other) {
    objects += other.objects;
    sum += other.sum;
    return *this;
  }
};

struct Object {
  uint8_t* bytes = nullptr;
  size_t size = 0;
};

[[noreturn]] inline void OutOfMemory() {
  fprintf(stderr, "the allocator has no memory\n");
  abort();
}

// Writes the first and last byte: few programs ask for memory and leave it alone.
inline Object Own(void* memory, size_t size, Work& work) {
  if (memory == nullptr) OutOfMemory();
  uint8_t* const bytes = static_cast<uint8_t*>(memory);
  bytes[0] = bytes[size - 1] = static_cast<uint8_t>(size);
  ++work.objects;
  return {bytes, size};
}

inline Object Allocate(size_t size, Work& work) { return Own(malloc(size), size, work); }

inline void Free(const Object& object, Work& work) {
  if (object.bytes == nullptr) return;
  work.sum += object.bytes[0] + object.bytes[object.size - 1];
  free(object.bytes);
}

// `count` times replaces one of `live` objects, chosen at random, by one that `make(random, work)`
// allocates.
template <typename Make>
Work ReplaceAtRandom(size_t count, size_t live, Make make) {
  Random random(1);
  Work work;
  std::vector<Object> objects(live);
  for (size_t i = 0; i < count; ++i) {
    Object& object = objects[random.Below(live)];
    Free(object, work);
    object = make(random, work);
  }
  for (const Object& object : objects) Free(object, work);
  return work;
}

// Runs `body(thread number)` in so many threads at once.
template <typename Body>
Work InThreads(size_t threads, Body body) {
  std::vector<Work> works(threads);
  std::vector<std::thread> running;
  for (size_t i = 0; i < threads; ++i) running.emplace_back([&, i] { works[i] = body(i); });
  for (std::thread& thread : running) thread.join();
  Work total;
  for (const Work& work : works) total += work;
  return total;
}

inline int Report(const Work& work) {
  printf("%llu objects, sum %llu\n", static_cast<unsigned long long>(work.objects),
         static_cast<unsigned long long>(work.sum));
  return 0;
}

}  // namespace secure_alloc::bench
