// Reservations at the limit of locked memory: success means that all of it is there to be written,
// failure is EAGAIN with nothing half done. Where the kernel charges at the fault, a page that was
// promised and not had would be SIGBUS.
//
//   memlock_reserve    give it a budget above RLIMIT_MEMLOCK: the kernel is to refuse
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <string>

#include "tests/limits/support.h"

namespace secure_alloc::test {
namespace {

constexpr size_t kPageBytes = 4096;
constexpr size_t kStep = 64 << 10;
constexpr size_t kObject = 1000;  // in slots of 1024 bytes
constexpr size_t kSlot = 1024;
constexpr int kRefusals = 3;

secalloc_domain* Create() {
  secalloc_domain_config config = {};
  config.name = "reserved";
  config.fallback = SECALLOC_FALLBACK_NONE;
  secalloc_domain* const domain = secalloc_domain_create(&config);
  if (domain == nullptr) {
    perror("memlock_reserve: secalloc_domain_create");
    exit(1);
  }
  return domain;
}

uint64_t ArenaBytes() {
  struct secalloc_stats stats;
  return secalloc_stats(&stats) == 0 ? stats.arena_bytes : 0;
}

// What the header promises for one size of slot, written to its last byte.
bool HasAll(secalloc_domain* domain, size_t bytes) {
  for (size_t left = bytes - kPageBytes; left >= kSlot; left -= kSlot) {
    void* const object = secalloc_domain_malloc(domain, kObject);
    if (object == nullptr || ProtectionOf(object) != SECALLOC_SECRET) return false;
    memset(object, 0x5A, kObject);
  }
  return true;
}

int Main() {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  size_t largest = 0;
  bool all_had = true, all_again = true, nothing_left = true;
  for (int refused = 0; refused < kRefusals;) {
    const uint64_t before = ArenaBytes();
    const size_t wanted = largest + kStep * static_cast<size_t>(refused + 1);
    secalloc_domain* const domain = Create();
    errno = 0;
    if (secalloc_reserve(domain, wanted) == 0) {
      largest = wanted;
      refused = 0;
      all_had &= HasAll(domain, wanted);
    } else {
      ++refused;
      all_again &= errno == EAGAIN;
      nothing_left &= ArenaBytes() == before;
    }
    secalloc_domain_destroy(domain);
  }
  Fact("bytes that can be reserved: " + std::to_string(largest), largest > 0);
  Fact("what was reserved was there, secret", all_had);
  Fact("more is EAGAIN", all_again);
  Fact("... with nothing half done", nothing_left);
  secalloc_domain* const domain = Create();
  Fact("... and as much as before can be had again",
       secalloc_reserve(domain, largest) == 0 && HasAll(domain, largest));
  return Summary();
}

}  // namespace
}  // namespace secure_alloc::test

int main() { return secure_alloc::test::Main(); }
