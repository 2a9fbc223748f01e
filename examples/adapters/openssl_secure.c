/* A program that keeps its key in OpenSSL's secure heap: openssl_secure KEY
 * The crypto preload library moves that memory to the secret domain; the program stays as it is. */
#include <openssl/crypto.h>

#include "examples/adapters/key_file.h"

static void *allocate(size_t size) { return OPENSSL_secure_malloc(size); }

int main(int count, char **arguments) {
  size_t size;
  if (count < 2 || CRYPTO_secure_malloc_init(1 << 16, 16) == 0) return 2;
  char *const key = read_key(arguments[1], allocate, &size);
  if (key == NULL) return 1;
  hold_still();
  OPENSSL_secure_clear_free(key, kMostKeyBytes);
  return 0;
}
