// secret_fit VARIANT SIZE: how many objects of SIZE bytes fit into 8 MiB of locked memory: what the
// kernel counts as locked, or eight pools of 1 MiB (libgcrypt's search goes with the square of
// their number). VARIANT: ours (the library preloaded, with budget=8M,fallback=none), sodium,
// openssl, gcrypt. The line is FIGURE, UNIT, VARIANT and VALUE.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench/micro/peers.h"
#include "bench/micro/secret_api.h"

namespace {

using secure_alloc::bench::SecretMemory;

constexpr size_t kLimit = 8 << 20, kPool = 1 << 20;
constexpr size_t kLookEvery = 16;  // objects: of them it may be wrong

size_t LockedBytes() {
  FILE* const status = fopen("/proc/self/status", "re");
  char line[256];
  size_t kib = 0;
  while (fgets(line, sizeof line, status) != nullptr) sscanf(line, "VmLck: %zu", &kib);
  fclose(status);
  return kib << 10;
}

bool FindMemory(const char* variant, SecretMemory* memory) {
  using secure_alloc::bench::FindSecretApi;
  if (strcmp(variant, "ours") == 0) {
    *memory = {variant, FindSecretApi<void*(size_t)>("secalloc_malloc"), nullptr};
    return memory->allocate != nullptr;
  }
  for (const SecretMemory& peer : secure_alloc::bench::FindPeers(kPool)) {
    if (peer.name != variant) continue;
    *memory = peer;
    return true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  SecretMemory memory;
  if (argc != 3 || !FindMemory(argv[1], &memory)) {
    fprintf(stderr, "usage: secret_fit ours|sodium|openssl|gcrypt SIZE\n");
    return 2;
  }
  const size_t size = strtoul(argv[2], nullptr, 10);
  // Ours has its budget, pools are locked as a whole: only what is locked object by object has to
  // be looked at while it grows.
  const bool one_by_one = memory.name == "sodium";
  const bool pooled = !one_by_one && memory.release != nullptr;
  const size_t before = one_by_one ? LockedBytes() : 0;
  size_t count = 0;
  while (memory.allocate(size) != nullptr) {
    ++count;
    if (one_by_one && count % kLookEvery == 0 && LockedBytes() - before >= kLimit) break;
  }
  printf("objects of %zu B in 8 MiB\tobjects\t%s\t%zu\n", size, argv[1],
         pooled ? count * (kLimit / kPool) : count);
  return 0;
}
