// Other libraries' memory for secrets, as they are installed: loaded when asked for, as these
// programs link none of them.
#ifndef SECURE_ALLOC_BENCH_MICRO_PEERS_H_
#define SECURE_ALLOC_BENCH_MICRO_PEERS_H_

#include <cstddef>
#include <string>
#include <vector>

namespace secure_alloc::bench {

struct SecretMemory {
  std::string name;
  void* (*allocate)(size_t);
  void (*release)(void*);
};

// Those that are here, of `sodium`, `openssl` and `gcrypt`; the last two have a pool of so many
// bytes, a power of two.
std::vector<SecretMemory> FindPeers(size_t pool);

}  // namespace secure_alloc::bench

#endif  // SECURE_ALLOC_BENCH_MICRO_PEERS_H_
