#include "allocator/base/random.h"

#include <new>

#include "allocator/base/mutex.h"
#include "allocator/os/os.h"

namespace secure_alloc {
namespace {

constexpr uint32_t kWords = 32;  // 256 bytes: what getrandom(2) gives in one piece.

struct Buffer {
  Mutex mutex;
  uint32_t left SA_GUARDED_BY(mutex) = 0;
  uint64_t words[kWords] SA_GUARDED_BY(mutex) = {};
};

constinit Buffer buffer;

}  // namespace

uint64_t RandomWord() {
  MutexLock lock(buffer.mutex);
  if (buffer.left == 0) {
    os::Random(buffer.words, sizeof buffer.words);
    buffer.left = kWords;
  }
  return buffer.words[--buffer.left];
}

// Only the child's one thread runs; the mutex may be a vanished thread's.
void ForgetRandomWords() SA_NO_THREAD_SAFETY {
  buffer.left = 0;
  new (&buffer.mutex) Mutex;
}

}  // namespace secure_alloc
