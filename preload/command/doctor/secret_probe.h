// Asks the kernel for secret memory, and how it counts it.
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

// Whose secret pages a limit counts: the process's, or all of its user's.
enum class LimitScope { kProcess, kUser, kUnknown };

// Tries one page with a limit of one page, while another process of the user holds one.
LimitScope ProbeLimitScope();

}  // namespace secure_alloc
