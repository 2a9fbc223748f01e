// Other libraries' memory for secrets, as they are installed: loaded when asked for, as these
// programs link none of them.
#pragma once

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
