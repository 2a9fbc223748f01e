#include "allocator/base/random.h"

#include <bit>
#include <cstring>
#include <new>

#include "allocator/base/mutex.h"
#include "allocator/os/os.h"

namespace secure_alloc {
namespace {

// ChaCha with eight rounds (Bernstein 2008), its key replaced by its own output with each
// block, so that what was given out can't be computed from what is kept.
constexpr uint32_t kConstants[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
constexpr unsigned kKeyWords = 8;
constexpr unsigned kWords = 4;  // of 64 bits, given out from each block

struct Generator {
  Mutex mutex;
  bool seeded SA_GUARDED_BY(mutex) = false;
  uint32_t left SA_GUARDED_BY(mutex) = 0;
  uint32_t key[kKeyWords] SA_GUARDED_BY(mutex) = {};
  uint64_t words[kWords] SA_GUARDED_BY(mutex) = {};
};
constinit Generator generator;

void QuarterRound(uint32_t& a, uint32_t& b, uint32_t& c, uint32_t& d) {
  a += b; d = std::rotl(d ^ a, 16);
  c += d; b = std::rotl(b ^ c, 12);
  a += b; d = std::rotl(d ^ a, 8);
  c += d; b = std::rotl(b ^ c, 7);
}

void NextBlock(Generator& from) SA_REQUIRES(from.mutex) {
  uint32_t input[16] = {}, x[16];
  std::memcpy(input, kConstants, sizeof kConstants);
  std::memcpy(input + 4, from.key, sizeof from.key);
  std::memcpy(x, input, sizeof x);
  for (int round = 0; round < 8; round += 2) {
    for (int i = 0; i < 4; ++i) QuarterRound(x[i], x[4 + i], x[8 + i], x[12 + i]);
    for (int i = 0; i < 4; ++i) {
      QuarterRound(x[i], x[4 + (i + 1) % 4], x[8 + (i + 2) % 4], x[12 + (i + 3) % 4]);
    }
  }
  for (int i = 0; i < 16; ++i) x[i] += input[i];
  std::memcpy(from.key, x, sizeof from.key);
  std::memcpy(from.words, x + kKeyWords, sizeof from.words);
  from.left = kWords;
}

}  // namespace

uint64_t RandomWord() {
  MutexLock lock(generator.mutex);
  if (!generator.seeded) [[unlikely]] {
    os::Random(generator.key, sizeof generator.key);
    generator.seeded = true;
  }
  if (generator.left == 0) NextBlock(generator);
  return generator.words[--generator.left];
}

// Only the child's one thread runs; the mutex may be a vanished thread's.
void ForgetRandomWords() SA_NO_THREAD_SAFETY {
  generator.seeded = false;
  generator.left = 0;
  new (&generator.mutex) Mutex;
}

}  // namespace secure_alloc
