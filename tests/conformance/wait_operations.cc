// Futexes, and what the C library builds on them; stacks.
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <new>

#include "tests/conformance/operation.h"

namespace secure_alloc::conformance {
namespace {

constexpr useconds_t kMoment = 50000;

std::string TryFutex(const Area& area, int flags) {
  return Done(syscall(SYS_futex, area.data, FUTEX_WAKE | flags, 1, nullptr, nullptr, 0) >= 0);
}

struct Meeting {
  pthread_mutex_t mutex;
  pthread_cond_t condition;
  bool ready;
};

Meeting* MakeMeeting(const Area& area, int shared) {
  Meeting* meeting = new (area.data) Meeting{};
  pthread_mutexattr_t mutex_attributes;
  pthread_mutexattr_init(&mutex_attributes);
  pthread_mutexattr_setpshared(&mutex_attributes, shared);
  pthread_mutex_init(&meeting->mutex, &mutex_attributes);
  pthread_condattr_t condition_attributes;
  pthread_condattr_init(&condition_attributes);
  pthread_condattr_setpshared(&condition_attributes, shared);
  pthread_cond_init(&meeting->condition, &condition_attributes);
  return meeting;
}

void* LockAndUnlock(void* meeting) {
  pthread_mutex_t* mutex = &static_cast<Meeting*>(meeting)->mutex;
  pthread_mutex_lock(mutex);
  pthread_mutex_unlock(mutex);
  return nullptr;
}

// Two threads want it: the second must sleep on the futex.
std::string TryMutex(const Area& area, int shared) {
  Meeting* meeting = MakeMeeting(area, shared);
  pthread_mutex_lock(&meeting->mutex);
  pthread_t thread;
  if (pthread_create(&thread, nullptr, LockAndUnlock, meeting) != 0) return NotTried("no thread");
  usleep(kMoment);
  pthread_mutex_unlock(&meeting->mutex);
  return pthread_join(thread, nullptr) == 0 ? "works" : ErrorName();
}

void* Announce(void* meeting_pointer) {
  Meeting* meeting = static_cast<Meeting*>(meeting_pointer);
  usleep(kMoment);
  pthread_mutex_lock(&meeting->mutex);
  meeting->ready = true;
  pthread_cond_signal(&meeting->condition);
  pthread_mutex_unlock(&meeting->mutex);
  return nullptr;
}

std::string TryCondition(const Area& area, int shared) {
  Meeting* meeting = MakeMeeting(area, shared);
  pthread_t thread;
  pthread_mutex_lock(&meeting->mutex);
  if (pthread_create(&thread, nullptr, Announce, meeting) != 0) return NotTried("no thread");
  while (!meeting->ready) pthread_cond_wait(&meeting->condition, &meeting->mutex);
  pthread_mutex_unlock(&meeting->mutex);
  return pthread_join(thread, nullptr) == 0 ? "works" : ErrorName();
}

void* Rest(void*) {
  usleep(kMoment);  // So that the join sleeps.
  return nullptr;
}

std::string TryThreadStack(const Area& area, int) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_t thread;
  const int error = pthread_attr_setstack(&attributes, area.data, area.size);
  if (error != 0) return ErrorName(error);
  if (pthread_create(&thread, &attributes, Rest, nullptr) != 0) return ErrorName();
  return pthread_join(thread, nullptr) == 0 ? "works" : ErrorName();
}

void Nothing(int) {}

std::string TrySignalStack(const Area& area, int) {
  stack_t stack{};
  stack.ss_sp = area.data;
  stack.ss_size = area.size;
  struct sigaction action {};
  action.sa_handler = Nothing;
  action.sa_flags = SA_ONSTACK;
  if (sigaltstack(&stack, nullptr) != 0 || sigaction(SIGUSR1, &action, nullptr) != 0) {
    return ErrorName();
  }
  return raise(SIGUSR1) == 0 && !area.Intact() ? "works" : "not used";
}

constexpr Operation kOperations[] = {
    {"futex(2), private", TryFutex, FUTEX_PRIVATE_FLAG},
    {"futex(2), shared", TryFutex, 0},
    {"pthread mutex", TryMutex, PTHREAD_PROCESS_PRIVATE},
    {"pthread mutex, PROCESS_SHARED", TryMutex, PTHREAD_PROCESS_SHARED},
    {"pthread condition", TryCondition, PTHREAD_PROCESS_PRIVATE},
    {"pthread condition, PROCESS_SHARED", TryCondition, PTHREAD_PROCESS_SHARED},
    {"a thread's stack", TryThreadStack},
    {"a signal handler's stack", TrySignalStack},
};

}  // namespace

std::span<const Operation> WaitOperations() { return kOperations; }

}  // namespace secure_alloc::conformance
