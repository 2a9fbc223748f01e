// secret_footprint SIZE COUNT: what COUNT live objects of SIZE bytes take in secret pages, in bytes
// for each object: pages in use, and whole arenas, which are grown and faulted in ahead. Lines are
// FIGURE, UNIT, `ours` and VALUE. It needs the library preloaded.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "bench/micro/secret_api.h"
#include "secure_alloc/secure_alloc.h"

int main(int argc, char** argv) {
  using secure_alloc::bench::FindSecretApi;
  auto* allocate = FindSecretApi<decltype(secalloc_malloc)>("secalloc_malloc");
  auto* get_stats = FindSecretApi<decltype(secalloc_stats)>("secalloc_stats");
  if (argc != 3 || allocate == nullptr || get_stats == nullptr) {
    fprintf(stderr, "usage: LD_PRELOAD=LIBRARY secret_footprint SIZE COUNT\n");
    return 2;
  }
  const size_t size = strtoul(argv[1], nullptr, 10);
  const size_t count = strtoul(argv[2], nullptr, 10);
  struct secalloc_stats before, after;
  if (get_stats(&before) != 0) return perror("secret_footprint: secalloc_stats"), 1;
  for (size_t i = 0; i < count; ++i) {
    if (allocate(size) == nullptr) return perror("secret_footprint: secalloc_malloc"), 1;
  }
  if (get_stats(&after) != 0) return perror("secret_footprint: secalloc_stats"), 1;
  const auto print = [&](const char* what, uint64_t bytes) {
    printf("%s for each of %zu live of %zu B\tB\tours\t%.1f\n", what, count, size,
           static_cast<double>(bytes) / static_cast<double>(count));
  };
  print("pages in use", after.secret_used_bytes + after.locked_used_bytes -
                            before.secret_used_bytes - before.locked_used_bytes);
  print("arenas", after.arena_bytes - before.arena_bytes);
  return 0;
}
