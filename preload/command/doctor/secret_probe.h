// Asks the kernel for secret memory, in children of its own: a sandbox may answer by a signal.
#pragma once

namespace secure_alloc {

struct SecretProbe {
  enum class Step : int { kCall, kSize, kMap, kTouch, kDone };
  Step failed_at = Step::kCall;  // kDone: it works
  int error = 0;                 // errno of that step
  int signal = 0;                // the child was killed by it instead

  bool works() const { return failed_at == Step::kDone; }
};

// With the soft limit of locked memory at the hard one, as `secalloc run` sets it.
SecretProbe ProbeSecretMemory();

// When a limit of locked memory bites. Both are out there, and programs must survive both.
enum class SecretAccounting { kAtMmap, kAtTouch, kNever, kUnknown };

// Tries one page with a limit of 0 and without CAP_IPC_LOCK.
SecretAccounting ProbeAccounting();

}  // namespace secure_alloc
