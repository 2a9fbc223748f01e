#include "allocator/os/helper_thread.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>

#include "allocator/os/internal.h"
#include "allocator/os/os.h"

namespace secure_alloc::os {
namespace {

constexpr size_t kStackSize = 16384;

constexpr long kFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                        CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;

// Starts a thread on `stack_top`, where function and argument lie; it never returns here.
#if defined(__x86_64__)
long Clone(void* stack_top, int* thread) {
  long result;
  register long child_thread asm("r10") = Int(thread);
  register long no_storage asm("r8") = 0;
  asm volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "pop %%rax\n\t"
      "pop %%rdi\n\t"
      "call *%%rax\n\t"
      "mov %[exit], %%eax\n\t"
      "xor %%edi, %%edi\n\t"
      "syscall\n\t"
      "hlt\n"
      "1:"
      : "=a"(result)
      : "a"(__NR_clone), "D"(kFlags), "S"(stack_top), "d"(thread), "r"(child_thread),
        "r"(no_storage), [exit] "i"(__NR_exit)
      : "rcx", "r11", "memory");
  return result;
}
#else
long Clone(void* stack_top, int* thread) {
  register long number asm("x8") = __NR_clone;
  register long result asm("x0") = kFlags;
  register long stack asm("x1") = Int(stack_top);
  register long parent_thread asm("x2") = Int(thread);
  register long no_storage asm("x3") = 0;
  register long child_thread asm("x4") = Int(thread);
  asm volatile(
      "svc 0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x29, xzr\n\t"
      "ldp x1, x0, [sp], #16\n\t"
      "blr x1\n\t"
      "mov x0, xzr\n\t"
      "mov x8, %[exit]\n\t"
      "svc 0\n\t"
      "brk 0\n"
      "1:"
      : "+r"(result)
      : "r"(number), "r"(stack), "r"(parent_thread), "r"(no_storage),
        "r"(child_thread), [exit] "i"(__NR_exit)
      : "x30", "memory");
  return result;
}
#endif

}  // namespace

int HelperThread::Start(void (*function)(void*), void* argument) {
  stack_ = static_cast<char*>(MapAnonymous(kStackSize));
  if (stack_ == nullptr) return EAGAIN;
  void** const top = reinterpret_cast<void**>(stack_ + kStackSize) - 2;
  top[0] = reinterpret_cast<void*>(function);
  top[1] = argument;
  const long thread = Clone(top, &running_);
  if (!Failed(thread)) return 0;
  Unmap(stack_, kStackSize);
  return EAGAIN;
}

void HelperThread::Join() {
  for (;;) {
    const int running = __atomic_load_n(&running_, __ATOMIC_ACQUIRE);
    if (running == 0) break;
    // The kernel wakes it as a shared word. Any error: look again.
    Syscall(__NR_futex, Int(&running_), FUTEX_WAIT, running, 0);
  }
  Unmap(stack_, kStackSize);
}

}  // namespace secure_alloc::os
