// The randomness of a test. Its seed is printed; SECALLOC_TEST_SEED=n repeats a run.
#pragma once

#include <cstdint>
#include <random>

namespace secure_alloc::test {

uint64_t Seed();

using Random = std::mt19937_64;

inline size_t Below(Random& random, size_t n) { return static_cast<size_t>(random() % n); }

}  // namespace secure_alloc::test
