#include "allocator/base/mutex.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

namespace secure_alloc {
namespace {

TEST(Mutex, AdmitsOneThreadAtATime) {
  constexpr int kThreads = 4, kRounds = 200000;
  Mutex mutex;
  long count = 0;
  bool inside = false;
  std::atomic<int> overlaps = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) {
        MutexLock lock(mutex);
        if (inside) ++overlaps;
        inside = true;
        ++count;
        inside = false;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, long{kThreads} * kRounds);
  EXPECT_EQ(overlaps, 0);
}

TEST(Mutex, WakesEveryOneOfItsSleepers) {
  constexpr int kSleepers = 8;
  Mutex mutex;
  std::atomic<int> waiting = 0;
  int served = 0;
  mutex.Lock();
  std::vector<std::thread> threads;
  for (int i = 0; i < kSleepers; ++i) {
    threads.emplace_back([&] {
      ++waiting;
      MutexLock lock(mutex);
      ++served;
    });
  }
  while (waiting < kSleepers) std::this_thread::yield();
  usleep(50000);  // Longer than they spin: they sleep in the kernel, or the test is only weaker.
  EXPECT_EQ(served, 0);
  mutex.Unlock();
  for (std::thread& thread : threads) thread.join();  // Hangs if a wake-up is lost.
  EXPECT_EQ(served, kSleepers);
}

TEST(Mutex, CanBeTakenAgainAfterItWasContended) {
  Mutex mutex;
  for (int i = 0; i < 100; ++i) {
    mutex.Lock();
    std::thread other([&] { MutexLock lock(mutex); });
    mutex.Unlock();
    other.join();
    MutexLock lock(mutex);
  }
}

}  // namespace
}  // namespace secure_alloc
