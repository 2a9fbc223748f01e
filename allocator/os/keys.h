// Protection keys (pkeys(7)): part of the contract of os.h. Pages under a key are closed to one
// thread and open to another, by a register that each thread has and sets without a system call.
// A new thread begins with its maker's access, a signal handler with none.
#pragma once

#include <cstddef>

namespace secure_alloc::os {

inline constexpr unsigned kNoKey = 0;  // what all other pages are under; always open

enum class KeyAccess : unsigned { kAll = 0, kNone = 1, kRead = 2 };  // the register's bits

// A key that no pages are under, open to this thread. ENOSPC: the processor has no more of them;
// EOPNOTSUPP: the processor, the kernel or a sandbox gives none. Back: no pages are under it.
[[nodiscard]] int AllocateKey(unsigned* key);
void FreeKey(unsigned key);

// Puts committed pages under a key, or by kNoKey under none; they are readable and writable then.
[[nodiscard]] int SetKey(void* address, size_t length, unsigned key);

// This thread's access to what is under a key that was allocated.
KeyAccess AccessBy(unsigned key);
void SetAccessBy(unsigned key, KeyAccess access);

// Opens what is under a key, to this thread, while it lives; nothing for kNoKey.
class KeyOpened {
 public:
  explicit KeyOpened(unsigned key) : key_(key) {
    if (key == kNoKey) [[likely]]
      return;
    before_ = AccessBy(key);
    if (before_ != KeyAccess::kAll) SetAccessBy(key, KeyAccess::kAll);
  }
  ~KeyOpened() {
    if (before_ != KeyAccess::kAll) [[unlikely]]
      SetAccessBy(key_, before_);
  }
  KeyOpened(const KeyOpened&) = delete;
  KeyOpened& operator=(const KeyOpened&) = delete;

 private:
  const unsigned key_;
  KeyAccess before_ = KeyAccess::kAll;
};

}  // namespace secure_alloc::os
