#include "allocator/os/keys.h"

#include <errno.h>
#include <sys/mman.h>

#include "allocator/os/internal.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace secure_alloc::os {

#if defined(__x86_64__)
namespace {

constexpr uint32_t kAccessBits = 3;

// Does the processor have keys, and has the kernel turned them on? Without them pkey_alloc(2) says
// ENOSPC, and the instructions below are illegal.
bool HaveKeys() {
  constexpr unsigned kFeatures = 7, kTurnedOn = 1u << 4;  // leaf 7, ECX: OSPKE
  unsigned a, b, features, d;
  return __get_cpuid_count(kFeatures, 0, &a, &b, &features, &d) != 0 && (features & kTurnedOn) != 0;
}

uint32_t ReadRegister() {
  uint32_t value, zero;
  asm volatile("rdpkru" : "=a"(value), "=d"(zero) : "c"(0) : "memory");
  return value;
}

// No load or store may cross it: they have the access of their place.
void WriteRegister(uint32_t value) {
  asm volatile("wrpkru" : : "a"(value), "c"(0), "d"(0) : "memory");
}

}  // namespace

int AllocateKey(unsigned* key) {
  if (!HaveKeys()) return EOPNOTSUPP;
  const long result = Syscall(__NR_pkey_alloc, 0, 0);
  if (Failed(result)) return Error(result) == ENOSPC ? ENOSPC : EOPNOTSUPP;
  *key = static_cast<unsigned>(result);
  return 0;
}

KeyAccess AccessBy(unsigned key) {
  const uint32_t bits = ReadRegister() >> 2 * key & kAccessBits;
  return (bits & 1) != 0 ? KeyAccess::kNone : static_cast<KeyAccess>(bits);
}

void SetAccessBy(unsigned key, KeyAccess access) {
  const uint32_t others = ReadRegister() & ~(kAccessBits << 2 * key);
  WriteRegister(others | static_cast<uint32_t>(access) << 2 * key);
}

#else

// Other processors' registers are not known here: no key is ever allocated.
int AllocateKey(unsigned*) { return EOPNOTSUPP; }
KeyAccess AccessBy(unsigned) { return KeyAccess::kAll; }
void SetAccessBy(unsigned, KeyAccess) {}

#endif

// Fails only for a key that is not allocated.
void FreeKey(unsigned key) { Syscall(__NR_pkey_free, key); }

int SetKey(void* address, size_t length, unsigned key) {
  return Error(Syscall(__NR_pkey_mprotect, Int(address), static_cast<long>(length),
                       PROT_READ | PROT_WRITE, key));
}

}  // namespace secure_alloc::os
