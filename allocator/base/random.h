// Random choices for placement. RandomBits is a linear congruential generator whose upper
// bits are used, as in PCG's core: two instructions, off the critical path. It is
// stirred at every refill by RandomWord(), so that an observer of some
// choices can't go on predicting. Not for keys.
#pragma once

#include <cstdint>

namespace secure_alloc {

class RandomBits {
 public:
  constexpr RandomBits() = default;

  void Stir(uint64_t entropy) { state_ ^= static_cast<uint32_t>(entropy ^ entropy >> 32); }

  // Uniform in [0, n) for n < 2^16, to within n / 2^32.
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>((uint64_t{Next()} * n) >> 32); }
  // Uniform in [0, mask], a power of two less one and below 2^8.
  uint32_t Masked(uint32_t mask) { return Next() >> 24 & mask; }

 private:
  uint32_t Next() { return state_ = state_ * 747796405u + 2891336453u; }

  uint32_t state_ = 0;  // Any will do, and zero takes no memory before it is used.
};

// A word of a generator that is seeded by getrandom(2), once: no system call after that, as
// a program may have given them up. Any thread.
uint64_t RandomWord();
// A forked child must not repeat its parent's choices: it is seeded again.
void ForgetRandomWords();

}  // namespace secure_alloc
