/* libgcrypt with its keys in secret memory, by its own hook: gcrypt KEY [plain]
 *
 * KEY is the 32 bytes of an AES key. The hook must be set before gcry_check_version, and takes the
 * place of libgcrypt's locked pool as well, which is turned off. `plain` leaves it out. */
#include <gcrypt.h>
#include <stdlib.h>

#include "examples/adapters/key_file.h"
#include "secure_alloc/secure_alloc.h"

static int is_secure(const void *ptr) {
  struct secalloc_info info;
  return secalloc_query(ptr, &info) == 0 && info.protection != SECALLOC_PLAIN;
}

int main(int count, char **arguments) {
  const int plain = count > 2;
  gcry_cipher_hd_t cipher;
  size_t size;
  if (count < 2) return 2;
  if (!plain) {
    gcry_set_allocation_handler(secalloc_malloc, secalloc_malloc, is_secure, secalloc_realloc,
                                secalloc_free);
  }
  if (gcry_check_version(NULL) == NULL) return 1;
  gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
  gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);

  char *const key = read_key(arguments[1], plain ? malloc : secalloc_malloc, &size);
  if (key == NULL) return 1;
  if (gcry_cipher_open(&cipher, GCRY_CIPHER_AES256, GCRY_CIPHER_MODE_GCM, 0) != 0) return 1;
  if (gcry_cipher_setkey(cipher, key, size) != 0) return 1;
  if (plain) {
    free(key);
  } else {
    secalloc_free(key);
  }
  hold_still();
  gcry_cipher_close(cipher);
  return 0;
}
