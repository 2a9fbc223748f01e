/* Stands for a third-party library that knows nothing of secure_alloc: it allocates its struct by
 * malloc, the key in the middle of it. */
#ifndef EXAMPLES_VAULT_H_
#define EXAMPLES_VAULT_H_

#include <stddef.h>

struct vault;

/* Reads the key from a file, straight into the struct; NULL if it can't. */
struct vault *vault_open(const char *key_file);
void vault_close(struct vault *vault);

/* Uses the key: its checksum. Any thread. */
unsigned vault_use(struct vault *vault);
/* How often it was used. */
unsigned long vault_uses(const struct vault *vault);

#endif
