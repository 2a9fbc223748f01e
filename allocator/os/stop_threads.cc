// Stopping all other threads by a signal.
#include <errno.h>
#include <linux/futex.h>

#include "allocator/os/internal.h"
#include "allocator/os/live.h"
#include "allocator/os/os.h"

namespace secure_alloc::os {
namespace {

constexpr unsigned kMostThreads = 1024;
constexpr uint64_t kPatience = 1'000'000'000;  // ns; a thread may have to wait for its turn

// The real-time signals that are the program's; the C library has the first ones.
constexpr int kFirstSignal = 35, kLastSignal = 64;

// What a thread was told last, and the odd round it was told in. Who leaves the handler and who
// begins the next round both exchange it: a thread that has not run since stands still for that
// one, without another signal.
constexpr uint32_t kGone = 0;
constexpr uint32_t Sent(uint32_t round) { return round << 1; }
constexpr uint32_t Stands(uint32_t round) { return round << 1 | 1; }
constexpr bool IsStanding(uint32_t state) { return (state & 1) != 0; }
constexpr bool IsSent(uint32_t state) { return state != kGone && !IsStanding(state); }

struct Target {
  uint32_t thread;
  uint32_t state;
};

struct Stop {
  uint32_t round = 0;  // odd while threads are to wait; they sleep on it
  uint32_t events = 0;
  unsigned threads = 0;
  Target thread[kMostThreads] = {};
  uint32_t process = 0;  // that they are of
  int signal = 0;
  KernelSigaction old_action = {};
};
constinit Stop stop;

uint32_t Load(const uint32_t* word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }

// Acquire and release: what a thread stored before it stood still is over for who goes on, and
// the other way round.
bool Exchange(uint32_t* state, uint32_t from, uint32_t to) {
  return __atomic_compare_exchange_n(state, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

Target* SentTo(uint32_t thread, uint32_t* state) {
  for (unsigned i = 0; i < Load(&stop.threads); ++i) {
    Target& target = stop.thread[i];
    *state = Load(&target.state);
    if (IsSent(*state) && target.thread == thread) return &target;
  }
  return nullptr;
}

// Runs in each stopped thread; also in one whose signal comes too late.
void Handler(int) {
  uint32_t sent;
  Target* const self = SentTo(ThreadId(), &sent);
  if (self == nullptr) return;
  const uint32_t round = Load(&stop.round);
  const bool in_time = sent == Sent(round);
  uint32_t mine = in_time ? Stands(round) : kGone;
  if (!Exchange(&self->state, sent, mine) || !in_time) return;
  __atomic_add_fetch(&stop.events, 1, __ATOMIC_RELEASE);
  FutexWake(&stop.events);
  for (;; mine = Load(&self->state)) {
    uint32_t now;
    while (Stands(now = Load(&stop.round)) == mine) FutexWait(&stop.round, now);
    if (Exchange(&self->state, mine, kGone)) return;
  }
}

#if defined(__x86_64__)
[[gnu::naked]] void ReturnFromHandler() {
  asm("mov %0, %%eax\n\tsyscall" : : "i"(__NR_rt_sigreturn));
}
constexpr unsigned long kFlags = SA_RESTART | SA_ONSTACK | 0x04000000;  // SA_RESTORER
#else
void ReturnFromHandler() {}  // The kernel brings its own.
constexpr unsigned long kFlags = SA_RESTART | SA_ONSTACK;
#endif

int SetAction(int signal, const KernelSigaction* action, KernelSigaction* old) {
  return Error(Syscall(__NR_rt_sigaction, signal, Int(action), Int(old), sizeof action->mask));
}

// The highest signal that has its default action.
int TakeSignal() {
  // What a thread did not take in time is still on its way: that signal stays ours.
  const KernelSigaction ours = {Handler, kFlags, ReturnFromHandler, ~uint64_t{0}};
  for (int signal = kLastSignal; signal >= kFirstSignal; --signal) {
    KernelSigaction now = {};
    if (SetAction(signal, nullptr, &now) != 0) continue;
    if (now.handler != SIG_DFL && now.handler != Handler) continue;
    if (SetAction(signal, &ours, nullptr) != 0) continue;
    stop.signal = signal;
    stop.old_action = now;
    return 0;
  }
  return EBUSY;
}

uint64_t Now() {
  struct timespec now = {};
  Syscall(__NR_clock_gettime, CLOCK_MONOTONIC, Int(&now));
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

// A thread that has just begun, or is leaving the handler since the last time, blocks signals
// for a moment.
Answer AskUntilUnblocked(uint32_t thread) {
  const uint64_t deadline = Now() + kPatience;
  for (;;) {
    const Answer answer = AskThread(thread, stop.signal);
    if (answer != Answer::kBlocksSignal || Now() > deadline) return answer;
    struct timespec moment = {0, 100'000};
    Syscall(__NR_nanosleep, Int(&moment), 0);
  }
}

Target* FreeTarget() {
  for (unsigned i = 0; i < stop.threads; ++i) {
    if (Load(&stop.thread[i].state) == kGone) return &stop.thread[i];
  }
  if (stop.threads == kMostThreads) return nullptr;
  // Release pairs with the acquire in SentTo().
  __atomic_store_n(&stop.threads, stop.threads + 1, __ATOMIC_RELEASE);
  return &stop.thread[stop.threads - 1];
}

// Signals a thread that has not been yet.
int StopThread(uint32_t thread, void* sent_any) {
  if (thread == ThreadId()) return 0;
  for (unsigned i = 0; i < stop.threads; ++i) {
    // A number may be given out again.
    if (stop.thread[i].thread == thread && Load(&stop.thread[i].state) != kGone) return 0;
  }
  const Answer answer = AskUntilUnblocked(thread);
  if (answer == Answer::kHasEnded) return 0;
  Target* const target = answer == Answer::kTakesSignal ? FreeTarget() : nullptr;
  if (target == nullptr) return EBUSY;
  target->thread = thread;
  __atomic_store_n(&target->state, Sent(stop.round), __ATOMIC_RELEASE);
  const long sent = Syscall(__NR_tgkill, ProcessId(), thread, stop.signal);
  if (sent != 0) {
    __atomic_store_n(&target->state, kGone, __ATOMIC_RELEASE);
    return sent == -ESRCH ? 0 : EBUSY;  // EAGAIN: RLIMIT_SIGPENDING is spent.
  }
  *static_cast<bool*>(sent_any) = true;
  return 0;
}

// Threads that have not left the last round stay for this one.
void KeepThoseThatStand(uint32_t round) {
  const uint32_t process = static_cast<uint32_t>(ProcessId());
  if (stop.process != process) stop.threads = 0;  // A forked child has none of its parent's.
  stop.process = process;
  for (unsigned i = 0; i < stop.threads; ++i) {
    uint32_t* const state = &stop.thread[i].state;
    for (uint32_t now; (now = Load(state)) != kGone && now != Stands(round);) {
      // One that was sent the signal, and did not take it in time then, is sent another.
      (void)Exchange(state, now, IsStanding(now) ? Stands(round) : kGone);  // Or the thread did.
    }
  }
}

bool AllStopped() {
  bool all = true;
  for (unsigned i = 0; i < stop.threads; ++i) {
    if (!IsSent(Load(&stop.thread[i].state))) continue;
    if (Syscall(__NR_tgkill, ProcessId(), stop.thread[i].thread, 0) == 0) {
      all = false;
    } else {
      __atomic_store_n(&stop.thread[i].state, kGone, __ATOMIC_RELEASE);
    }
  }
  return all;
}

int WaitForAll() {
  const uint64_t deadline = Now() + kPatience;
  for (;;) {
    const uint32_t events = Load(&stop.events);
    if (AllStopped()) return 0;
    if (Now() > deadline) return EBUSY;
    struct timespec at_most = {0, 1'000'000};
    Syscall(__NR_futex, Int(&stop.events), FUTEX_WAIT_PRIVATE, events, Int(&at_most));
  }
}

// Until a look at all threads finds none that runs: those that run make new ones.
int StopAll() {
  for (;;) {
    bool sent_any = false;
    if (const int error = ForEachThread(StopThread, &sent_any); error != 0) return error;
    if (!sent_any) return 0;
    if (const int error = WaitForAll(); error != 0) return error;
  }
}

}  // namespace

int StopThreads() {
  if (const int error = TakeSignal(); error != 0) return error;
  KeepThoseThatStand(__atomic_add_fetch(&stop.round, 1, __ATOMIC_ACQ_REL));
  const int error = StopAll();
  if (error != 0) ResumeThreads();
  return error;
}

void ResumeThreads() {
  bool all_taken = true;
  for (unsigned i = 0; i < stop.threads; ++i) all_taken &= !IsSent(Load(&stop.thread[i].state));
  // By default such a signal would end the process: while one is on its way ours stays. Before
  // others run, who may set an action of their own.
  if (all_taken) (void)SetAction(stop.signal, &stop.old_action, nullptr);
  __atomic_add_fetch(&stop.round, 1, __ATOMIC_RELEASE);
  Syscall(__NR_futex, Int(&stop.round), FUTEX_WAKE_PRIVATE, INT32_MAX);
}

}  // namespace secure_alloc::os
