// The threads of this process, as the kernel knows them.
#include <errno.h>
#include <fcntl.h>

#include "allocator/os/internal.h"
#include "allocator/os/live.h"

namespace secure_alloc::os {
namespace {

struct Entry {  // linux_dirent64
  uint64_t inode;
  int64_t offset;
  uint16_t size;
  uint8_t type;
  char name[];
};

// 0 for what is not a number: "." and "..".
uint32_t ThreadOf(const char* name) {
  uint32_t thread = 0;
  for (; *name >= '0' && *name <= '9'; ++name) {
    thread = thread * 10 + static_cast<uint32_t>(*name - '0');
  }
  return thread;
}

char* Append(char* to, const char* text) {
  while (*text != '\0') *to++ = *text++;
  return to;
}

char* Append(char* to, uint32_t number) {
  if (number >= 10) to = Append(to, number / 10);
  *to++ = static_cast<char>('0' + number % 10);
  return to;
}

// Of a thread that can't be asked.
Answer AnswerFor(int error) {
  return error == ENOENT || error == ESRCH ? Answer::kHasEnded : Answer::kNone;
}

}  // namespace

uint32_t ThreadId() { return static_cast<uint32_t>(Syscall(__NR_gettid)); }

int ForEachThread(int (*visit)(uint32_t, void*), void* argument) {
  const long folder =
      Syscall(__NR_openat, AT_FDCWD, Int("/proc/self/task"), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (Failed(folder)) return Error(folder);
  alignas(Entry) char entries[1024];
  long size;
  int error = 0;
  while (error == 0 &&
         (size = Syscall(__NR_getdents64, folder, Int(entries), sizeof entries)) != 0) {
    if (Failed(size)) error = Error(size);
    for (long at = 0; at < size && error == 0;) {
      const Entry* const entry = reinterpret_cast<const Entry*>(entries + at);
      at += entry->size;
      if (const uint32_t thread = ThreadOf(entry->name)) error = visit(thread, argument);
    }
  }
  Syscall(__NR_close, folder);  // Read only: nothing can be lost.
  return error;
}

Answer AskThread(uint32_t thread, int signal) {
  char path[48], value[24];
  *Append(Append(Append(path, "/proc/self/task/"), thread), "/status") = '\0';
  int error = ReadStatus(path, "State", value, sizeof value);
  // The first thread stays as a zombie while others run.
  if (error == 0 && value[0] == 'Z') return Answer::kHasEnded;
  if (error == 0) error = ReadStatus(path, "SigBlk", value, sizeof value);
  if (error != 0) return AnswerFor(error);
  // Sixteen digits, the highest signal first.
  const char digit = value[15 - (signal - 1) / 4];
  const int four = digit >= 'a' ? digit - 'a' + 10 : digit - '0';
  return (four >> ((signal - 1) % 4) & 1) != 0 ? Answer::kBlocksSignal : Answer::kTakesSignal;
}

uintptr_t RobustListOf(uint32_t thread) {
  uintptr_t head = 0;
  size_t size = 0;
  // ESRCH: it has ended since.
  if (Failed(Syscall(__NR_get_robust_list, thread, Int(&head), Int(&size)))) return 0;
  return head;
}

bool SignalStack(uintptr_t* begin, uintptr_t* end) {
  stack_t stack = {};
  if (Failed(Syscall(__NR_sigaltstack, 0, Int(&stack))) || (stack.ss_flags & SS_DISABLE) != 0) {
    return false;
  }
  *begin = reinterpret_cast<uintptr_t>(stack.ss_sp);
  *end = *begin + stack.ss_size;
  return true;
}

SignalsBlocked::SignalsBlocked() {
  const uint64_t all = ~uint64_t{0};
  Syscall(__NR_rt_sigprocmask, SIG_SETMASK, Int(&all), Int(&old_mask_), sizeof old_mask_);
}

SignalsBlocked::~SignalsBlocked() {
  Syscall(__NR_rt_sigprocmask, SIG_SETMASK, Int(&old_mask_), 0, sizeof old_mask_);
}

}  // namespace secure_alloc::os
