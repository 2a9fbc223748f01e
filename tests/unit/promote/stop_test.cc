// Stopping threads by a signal: it is the program's again afterwards, and who can't be stopped
// makes the call fail.
#include <errno.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "allocator/os/live.h"
#include "tests/unit/promote/range.h"

namespace secure_alloc::test {
namespace {

constexpr int kSecret = SECALLOC_MADV_SECRET | SECALLOC_BY_STOPPING;
constexpr int kNormal = SECALLOC_MADV_NORMAL | SECALLOC_BY_STOPPING;

bool HasDefaultAction(int signal) {
  struct sigaction action;
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_DFL;
}

// A thread that waits in a system call until the end of the test.
class Sleeper {
 public:
  explicit Sleeper(bool blocks_signals) {
    thread_ = std::thread([this, blocks_signals] {
      sigset_t all;
      sigfillset(&all);
      if (blocks_signals) pthread_sigmask(SIG_BLOCK, &all, nullptr);
      ready_ = true;
      uint64_t value;
      while (read(event_, &value, sizeof value) < 0 && errno == EINTR) ++interrupted_;
    });
    while (!ready_) usleep(100);
    usleep(2000);
  }
  ~Sleeper() {
    const uint64_t one = 1;
    EXPECT_EQ(write(event_, &one, sizeof one), static_cast<ssize_t>(sizeof one));
    thread_.join();
    close(event_);
  }
  int interrupted() const { return interrupted_; }

 private:
  const int event_ = eventfd(0, EFD_CLOEXEC);
  std::atomic<bool> ready_ = false;
  std::atomic<int> interrupted_ = 0;
  std::thread thread_;
};

TEST(Stop, GivesTheSignalBack) {
  const Sleeper sleeper(false);
  const Range range(1);
  ASSERT_EQ(range.Advise(kSecret), 0);
  ASSERT_EQ(range.Advise(kNormal), 0);
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) EXPECT_TRUE(HasDefaultAction(signal));
  EXPECT_EQ(sleeper.interrupted(), 0);  // read(2) goes on.
}

std::atomic<int> handled = 0;

TEST(Stop, LeavesHandlersOfTheProgramAlone) {
  struct sigaction ours = {}, old[65];
  ours.sa_handler = [](int) { ++handled; };
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) sigaction(signal, &ours, &old[signal]);
  const Sleeper sleeper(false);
  const Range range(1);
  EXPECT_EQ(range.Advise(kSecret), EBUSY);  // No signal is free.
  EXPECT_TRUE(range.IsIntact());
  // One is: that will do.
  signal(SIGRTMIN + 3, SIG_DFL);
  EXPECT_EQ(range.Advise(kSecret), 0);
  EXPECT_TRUE(range.IsIntact());
  EXPECT_TRUE(HasDefaultAction(SIGRTMIN + 3));
  EXPECT_EQ(handled, 0);
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal)
    sigaction(signal, &old[signal], nullptr);
}

TEST(Stop, IsRefusedWhileAThreadBlocksTheSignal) {
  const Range range(1);
  {
    const Sleeper sleeper(true);
    EXPECT_EQ(range.Advise(kSecret), EBUSY);
    EXPECT_FALSE(IsSecretToKernel(range.begin()));
    EXPECT_TRUE(range.IsIntact());
  }
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) EXPECT_TRUE(HasDefaultAction(signal));
  EXPECT_EQ(range.Advise(kSecret), 0);
}

// Handlers of other threads are delayed, none is lost.
TEST(Stop, HandlersRunAfterwards) {
  handled = 0;
  struct sigaction ours = {}, old;
  ours.sa_handler = [](int) { ++handled; };
  sigaction(SIGUSR1, &ours, &old);
  std::atomic<bool> stop = false;
  const pthread_t self = pthread_self();
  int sent = 0;
  std::thread sender([&] {
    for (; !stop; ++sent) {
      const int before = handled;
      pthread_kill(self, SIGUSR1);
      while (handled == before) usleep(10);
    }
  });
  const Range range(3);
  for (int i = 0; i < 30; ++i) {
    ASSERT_EQ(range.Advise(kSecret), 0);
    ASSERT_EQ(range.Advise(kNormal), 0);
  }
  stop = true;
  sender.join();
  EXPECT_EQ(handled, sent);
  EXPECT_TRUE(range.IsIntact());
  sigaction(SIGUSR1, &old, nullptr);
}

// Who waits for another thread's call can be stopped by it.
TEST(Stop, ThreadsCallAtTheSameTime) {
  std::atomic<int> refused = 0;
  std::thread threads[3];
  for (std::thread& thread : threads) {
    thread = std::thread([&] {
      const Range range(1);
      for (int i = 0; i < 30 && refused == 0; ++i) {
        if (range.Advise(kSecret) != 0 || range.Advise(kNormal) != 0) ++refused;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refused, 0);
}

// Threads come and go meanwhile.
TEST(Stop, FindsThreadsThatAreBeingMade) {
  const Range range(2);
  auto* const counter = reinterpret_cast<std::atomic<uint64_t>*>(range.begin());
  *counter = 0;
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> made = 0;
  std::thread maker([&] {
    while (!stop) {
      std::thread([&] {
        for (int i = 0; i < 1000; ++i) ++*counter;
      }).join();
      ++made;
    }
  });
  for (int i = 0; i < 30; ++i) {
    ASSERT_EQ(range.Advise(kSecret), 0);
    ASSERT_EQ(range.Advise(kNormal), 0);
  }
  stop = true;
  maker.join();
  EXPECT_EQ(*counter, 1000 * made);
}

// A thread that is never still but when it is stopped.
class Spinner {
 public:
  ~Spinner() {
    done_ = true;
    thread_.join();
  }
  bool IsStill() const {
    const unsigned long before = turns_;
    usleep(5000);
    return turns_ == before;
  }

 private:
  std::atomic<bool> done_ = false;
  std::atomic<unsigned long> turns_ = 0;
  std::thread thread_{[this] {
    while (!done_) ++turns_;
  }};
};

class Limited {
 public:
  Limited(__rlimit_resource kind, rlim_t most) : kind_(kind) {
    EXPECT_EQ(getrlimit(kind, &old_), 0);
    rlimit limit = old_;
    limit.rlim_cur = most;
    EXPECT_EQ(setrlimit(kind, &limit), 0);
  }
  ~Limited() { EXPECT_EQ(setrlimit(kind_, &old_), 0); }

 private:
  const __rlimit_resource kind_;
  rlimit old_ = {};
};

// Without its answer a thread is not taken for one that has ended.
TEST(Stop, NeverPassesOverAThread) {
  const Spinner spinner;
  while (spinner.IsStill()) continue;
  const int next = dup(0);
  close(next);
  const auto stops = [&] {
    const int error = os::StopThreads();
    if (error != 0) return false;
    EXPECT_TRUE(spinner.IsStill());
    os::ResumeThreads();
    return true;
  };
  for (int room = 0; room < 2; ++room) {
    const Limited descriptors(RLIMIT_NOFILE, static_cast<rlim_t>(next + room));
    EXPECT_FALSE(stops()) << room << " descriptors to spare";
  }
  {
    const Limited signals(RLIMIT_SIGPENDING, 0);
    EXPECT_FALSE(stops()) << "no signal to spare";
  }
  EXPECT_TRUE(stops());
}

}  // namespace
}  // namespace secure_alloc::test
