#include "examples/vault.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

struct vault {
  atomic_ulong uses;
  unsigned char key[1024];
  size_t size;
};

struct vault *vault_open(const char *key_file) {
  struct vault *vault = calloc(1, sizeof *vault);
  int file = open(key_file, O_RDONLY | O_CLOEXEC);
  ssize_t size = vault != NULL && file >= 0 ? read(file, vault->key, sizeof vault->key) : -1;
  if (file >= 0) close(file);
  if (size <= 0) {
    free(vault);
    return NULL;
  }
  vault->size = (size_t)size;
  return vault;
}

void vault_close(struct vault *vault) { free(vault); }

unsigned vault_use(struct vault *vault) {
  unsigned sum = 1;
  for (size_t i = 0; i < vault->size; ++i) sum = sum * 31 + vault->key[i];
  atomic_fetch_add(&vault->uses, 1);
  return sum;
}

unsigned long vault_uses(const struct vault *vault) { return atomic_load(&vault->uses); }
