// Random choices for placement. RandomBits is a 64-bit linear congruential
// generator whose upper half is used, as in PCG's core: two instructions, off the
// critical path. It is seeded, and reseeded at every refill, from the kernel, so that
// an observer of some choices can't go on predicting. Not for keys.
#pragma once

#include <cstdint>

namespace secure_alloc {

class RandomBits {
 public:
  constexpr RandomBits() = default;

  void Stir(uint64_t entropy) { state_ ^= entropy; }

  // Uniform in [0, n) for n < 2^16, to within n / 2^32.
  uint32_t Below(uint32_t n) {
    state_ = state_ * 0x5851F42D4C957F2Du + 0x14057B7EF767814Fu;
    return static_cast<uint32_t>(((state_ >> 32) * n) >> 32);
  }

 private:
  uint64_t state_ = 0x853C49E6748FEA9Bu;
};

// A word of kernel randomness, from a buffer refilled by getrandom(2). Any thread.
uint64_t RandomWord();
// Forgets the buffer: a forked child must not repeat its parent's choices.
void ForgetRandomWords();

}  // namespace secure_alloc
