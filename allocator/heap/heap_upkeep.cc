// What keeps a heap small, and what all of it goes through at once.
#include "allocator/heap/heap.h"
#include "allocator/os/os.h"

namespace secure_alloc {
namespace {

// The work after which a clock is read.
constexpr unsigned kWorkPerLook = 256;

}  // namespace

void Heap::BalanceStores() {
  const size_t bytes = pages_.plain_bytes();
  if (bytes == balanced_bytes_.load(std::memory_order_relaxed)) return;
  const size_t before = balanced_bytes_.exchange(bytes, std::memory_order_relaxed);
  if (bytes > before) large_.GiveBackWaiting(bytes - before);
}

void Heap::Pace(unsigned work) {
  const unsigned done = work_.load(std::memory_order_relaxed) + work;
  const bool due = done >= kWorkPerLook;
  work_.store(due ? 0 : done, std::memory_order_relaxed);
  if (due && !AvoidsKernel()) GiveBackIdle();
}

void Heap::GiveBackIdle() {
  const uint64_t now = os::Milliseconds();
  large_.GiveBackStale(now);
  uint64_t looked = looked_.load(std::memory_order_relaxed);
  if (now <= looked + kPatience ||
      !looked_.compare_exchange_strong(looked, now, std::memory_order_relaxed)) {
    return;
  }
  ForEachBin([&](Bin& bin, unsigned) { bin.GiveBackIdle(pages_); });
}

void Heap::Flush(ThreadCache& cache) {
  for (unsigned c = kFirstClass; c < kClasses; ++c) {
    FlushCached(c, cache.bins[first_bin_ + c], 0);
  }
}

void Heap::Trim() {
  ForEachBin([&](Bin& bin, unsigned) { bin.Trim(pages_); });
  large_.Trim();
  pages_.Trim();
}

void Heap::TrimLarge() {
  if (!pages_.growth_sealed()) large_.Trim();
}

Heap::Usage Heap::GetUsage() {
  Usage usage;
  ForEachBin([&](Bin& bin, unsigned size_class) {
    const Bin::Usage of_bin = bin.GetUsage();
    usage.slab_bytes += of_bin.slab_bytes;
    usage.free_slot_bytes += of_bin.free_slots * SlotSizeOf(size_class);
  });
  usage.large_bytes = large_.live_bytes();
  return usage;
}

void Heap::LockAll() SA_NO_THREAD_SAFETY {
  bins_[kZeroClass].mutex().Lock();
  ForEachBin([](Bin& bin, unsigned) SA_NO_THREAD_SAFETY { bin.mutex().Lock(); });
  large_.mutex().Lock();
}

void Heap::UnlockAll() SA_NO_THREAD_SAFETY {
  large_.mutex().Unlock();
  ForEachBin([](Bin& bin, unsigned) SA_NO_THREAD_SAFETY { bin.mutex().Unlock(); });
  bins_[kZeroClass].mutex().Unlock();
}

void Heap::Forget() SA_NO_THREAD_SAFETY {
  ForEachBin([](Bin& bin, unsigned) SA_NO_THREAD_SAFETY { bin.Forget(); });
  large_.Forget();
}

}  // namespace secure_alloc
