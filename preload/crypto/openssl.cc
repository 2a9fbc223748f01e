// OpenSSL's secure heap, CRYPTO_secure_malloc(3): instead of its own locked arena, whose size must
// be guessed, the secret domain within its budget. There is nothing to set up: memory is secret
// before CRYPTO_secure_malloc_init and after CRYPTO_secure_malloc_done too.
#include <atomic>

#include "preload/crypto/original.h"

#pragma weak secalloc_free
#pragma weak secalloc_malloc
#pragma weak secalloc_query
#pragma weak secalloc_stats
#pragma weak secalloc_usable_size

using namespace secure_alloc::crypto;

// Of libcrypto, for what its users allocated by functions of their own.
extern "C" void CRYPTO_free(void*, const char*, int);

namespace {

// What programs ask for by CRYPTO_secure_malloc_initialized.
std::atomic<int> initialized{0};

bool IsSecret(const void* object) {
  struct secalloc_info info;
  return secalloc_query(object, &info) == 0 && info.ours == 1 &&
         info.protection != SECALLOC_PLAIN;
}

}  // namespace

SA_EXPORT int CRYPTO_secure_malloc_init(size_t size, size_t least) {
  if (!Serving()) return SA_ORIGINAL(CRYPTO_secure_malloc_init)(size, least);
  return initialized.exchange(1) == 0;
}

SA_EXPORT int CRYPTO_secure_malloc_done() {
  if (!Serving()) return SA_ORIGINAL(CRYPTO_secure_malloc_done)();
  initialized = 0;
  return 1;
}

SA_EXPORT int CRYPTO_secure_malloc_initialized() {
  if (!Serving()) return SA_ORIGINAL(CRYPTO_secure_malloc_initialized)();
  return initialized;
}

SA_EXPORT void* CRYPTO_secure_malloc(size_t size, const char* file, int line) {
  if (!Serving()) return SA_ORIGINAL(CRYPTO_secure_malloc)(size, file, line);
  return size == 0 ? nullptr : secalloc_malloc(size);  // Zeroed.
}

SA_EXPORT void* CRYPTO_secure_zalloc(size_t size, const char* file, int line) {
  if (!Serving()) return SA_ORIGINAL(CRYPTO_secure_zalloc)(size, file, line);
  return CRYPTO_secure_malloc(size, file, line);
}

SA_EXPORT void CRYPTO_secure_free(void* object, const char* file, int line) {
  if (!Serving()) return SA_ORIGINAL(CRYPTO_secure_free)(object, file, line);
  if (object == nullptr) return;
  if (!IsOurs(object)) return SA_ORIGINAL(CRYPTO_free)(object, file, line);
  secalloc_free(object);  // Wipes.
}

SA_EXPORT void CRYPTO_secure_clear_free(void* object, size_t size, const char* file, int line) {
  if (!Serving()) return SA_ORIGINAL(CRYPTO_secure_clear_free)(object, size, file, line);
  if (object != nullptr && !IsOurs(object)) __builtin_memset(object, 0, size);
  CRYPTO_secure_free(object, file, line);
}

SA_EXPORT int CRYPTO_secure_allocated(const void* object) {
  if (!Serving()) return SA_ORIGINAL(CRYPTO_secure_allocated)(object);
  return IsSecret(object);
}

SA_EXPORT size_t CRYPTO_secure_actual_size(void* object) {
  if (!Serving()) return SA_ORIGINAL(CRYPTO_secure_actual_size)(object);
  return secalloc_usable_size(object);
}

// Of the whole process.
SA_EXPORT size_t CRYPTO_secure_used() {
  if (!Serving()) return SA_ORIGINAL(CRYPTO_secure_used)();
  struct secalloc_stats stats;
  secalloc_stats(&stats);
  return stats.secret_used_bytes + stats.locked_used_bytes;
}
