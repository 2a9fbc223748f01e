/* A program that uses the installed C API. Prints how well its secret is kept. */
#include <secure_alloc/secure_alloc.h>
#include <stdio.h>

int main(void) {
  struct secalloc_info info;
  char *key = secalloc_malloc(32);
  if (key == NULL || secalloc_query(key, &info) != 0) return 1;
  printf("C: protection %d, %zu bytes\n", (int)info.protection, info.size);
  secalloc_free(key);
  return 0;
}
