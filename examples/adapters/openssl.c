/* OpenSSL with its keys in secret memory, by its own hook: openssl KEY.pem [plain]
 *
 * The hook is for programs that link libcrypto: it must be set before the first call of OpenSSL,
 * and all that libcrypto allocates from then on is secret. `plain` leaves it out, to see the
 * difference. */
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "examples/adapters/key_file.h"
#include "secure_alloc/secure_alloc.h"

static void *on_malloc(size_t size, const char *file, int line) {
  (void)file, (void)line;
  return secalloc_malloc(size);
}

static void *on_realloc(void *ptr, size_t size, const char *file, int line) {
  (void)file, (void)line;
  return secalloc_realloc(ptr, size);
}

static void on_free(void *ptr, const char *file, int line) {
  (void)file, (void)line;
  secalloc_free(ptr);
}

int main(int count, char **arguments) {
  const int plain = count > 2;
  size_t size;
  if (count < 2) return 2;
  if (!plain && CRYPTO_set_mem_functions(on_malloc, on_realloc, on_free) != 1) {
    fputs("openssl: the hook came too late: something has allocated already\n", stderr);
    return 1;
  }
  char *const text = read_key(arguments[1], plain ? malloc : secalloc_malloc, &size);
  if (text == NULL) return 1;
  BIO *const bio = BIO_new_mem_buf(text, (int)size);
  EVP_PKEY *const key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
  if (key == NULL) return 1;
  BIO_free(bio);
  if (plain) {
    free(text);
  } else {
    secalloc_free(text);
  }
  hold_still();
  EVP_PKEY_free(key);
  return 0;
}
