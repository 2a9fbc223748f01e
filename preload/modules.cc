#include "preload/modules.h"

#include <cstring>

namespace secure_alloc::rules {

// Crypto libraries that keep keys in memory from malloc, and the libraries whose memory they
// keep them in: each proved by a program that shows a key without it. With them those
// around, for plain text and for other versions. docs/modules.md says which is which, and
// what is not here.
const char kDefaultModules[] =
    "libcrypto.so*:libssl.so*:"               // OpenSSL
    "libcrypto-*.so*:libssl-*.so*:"           // the same, renamed in Python wheels
    "libgcrypt.so*:"                          // GnuPG's
    "libgnutls.so*:libgmp.so*:libtasn1.so*:"  // GnuTLS: sessions, numbers, the key file
    "libnettle.so*:libhogweed.so*:libsodium.so*:"
    "libnssutil3.so*:libplds4.so*:libfreebl*.so*:"  // NSS: objects, arenas, numbers
    "libnss3.so*:libsoftokn3.so*:libnspr4.so*:"
    "libmbedcrypto.so*:libmbedtls.so*:"
    "libwolfssl.so*:libbotan-*.so*:"
    "libtommath.so*";  // LibTomCrypt's numbers

namespace {

// Without backtracking further than the last '*': globs have few.
bool Matches(const char* name, const char* glob, const char* glob_end) {
  const char* star = nullptr;
  const char* retry = nullptr;
  while (*name != '\0') {
    if (glob != glob_end && *glob == '*') {
      star = ++glob;
      retry = name;
    } else if (glob != glob_end && (*glob == '?' || *glob == *name)) {
      ++glob;
      ++name;
    } else if (star != nullptr) {
      glob = star;
      name = ++retry;
    } else {
      return false;
    }
  }
  while (glob != glob_end && *glob == '*') ++glob;
  return glob == glob_end;
}

}  // namespace

const char* FileName(const char* path) {
  const char* const slash = std::strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}

Glob ListedBy(const char* file, const char* globs) {
  const char* const name = FileName(file);
  while (*globs != '\0') {
    const size_t size = static_cast<size_t>(strchrnul(globs, ':') - globs);
    if (Matches(name, globs, globs + size)) return {globs, size};
    globs += size;
    if (*globs == ':') ++globs;
  }
  return {globs, 0};
}

}  // namespace secure_alloc::rules
