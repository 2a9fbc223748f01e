#include "allocator/base/mutex.h"

#include "allocator/os/os.h"

namespace secure_alloc {

// The three-state mutex of Drepper, "Futexes Are Tricky" (2011), section 5.
void Mutex::LockSlow() {
  constexpr int kSpins = 64;  // About a microsecond: longer than most of our critical sections.
  for (int i = 0; i < kSpins; ++i) {
    uint32_t expected = kFree;
    if (word_.load(std::memory_order_relaxed) == kFree &&
        word_.compare_exchange_weak(expected, kHeld, std::memory_order_acquire)) {
      counts_.CountWait(false);
      return;
    }
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  while (word_.exchange(kContended, std::memory_order_acquire) != kFree) {
    os::FutexWait(reinterpret_cast<const uint32_t*>(&word_), kContended);
  }
  counts_.CountWait(true);
}

void Mutex::WakeOne() { os::FutexWake(reinterpret_cast<const uint32_t*>(&word_)); }

}  // namespace secure_alloc
