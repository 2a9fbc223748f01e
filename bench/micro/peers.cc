#include "bench/micro/peers.h"

#include <dlfcn.h>

#include <cstdio>

namespace secure_alloc::bench {
namespace {

void* Load(const char* file) {
  void* const library = dlopen(file, RTLD_NOW);
  if (library == nullptr) fprintf(stderr, "bench: without %s: %s\n", file, dlerror());
  return library;
}

// Null if it is not there.
template <typename Function>
Function* Find(void* library, const char* name) {
  return reinterpret_cast<Function*>(dlsym(library, name));
}

void AddSodium(std::vector<SecretMemory>& peers) {
  void* const library = Load("libsodium.so.23");
  if (library == nullptr || Find<int()>(library, "sodium_init")() < 0) return;
  peers.push_back({"sodium", Find<void*(size_t)>(library, "sodium_malloc"),
                   Find<void(void*)>(library, "sodium_free")});
}

void* (*openssl_malloc)(size_t, const char*, int);
void (*openssl_free)(void*, const char*, int);

void AddOpenssl(std::vector<SecretMemory>& peers, size_t pool) {
  constexpr size_t kSmallest = 16;
  void* const library = Load("libcrypto.so.3");
  if (library == nullptr) return;
  if (Find<int(size_t, size_t)>(library, "CRYPTO_secure_malloc_init")(pool, kSmallest) == 0) return;
  openssl_malloc = Find<void*(size_t, const char*, int)>(library, "CRYPTO_secure_malloc");
  openssl_free = Find<void(void*, const char*, int)>(library, "CRYPTO_secure_free");
  peers.push_back({"openssl", [](size_t size) { return openssl_malloc(size, nullptr, 0); },
                   [](void* object) { openssl_free(object, nullptr, 0); }});
}

void AddGcrypt(std::vector<SecretMemory>& peers, size_t pool) {
  constexpr int kInitSecureMemory = 24, kInitializationFinished = 38;  // <gcrypt.h>
  void* const library = Load("libgcrypt.so.20");
  if (library == nullptr) return;
  auto* const control = Find<unsigned(int, ...)>(library, "gcry_control");
  Find<const char*(const char*)>(library, "gcry_check_version")(nullptr);
  if (control(kInitSecureMemory, static_cast<int>(pool), 0) != 0) return;
  control(kInitializationFinished, 0);
  peers.push_back({"gcrypt", Find<void*(size_t)>(library, "gcry_malloc_secure"),
                   Find<void(void*)>(library, "gcry_free")});
}

}  // namespace

std::vector<SecretMemory> FindPeers(size_t pool) {
  std::vector<SecretMemory> peers;
  AddSodium(peers);
  AddOpenssl(peers, pool);
  AddGcrypt(peers, pool);
  return peers;
}

}  // namespace secure_alloc::bench
