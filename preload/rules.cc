#include "preload/rules.h"

#include <dlfcn.h>
#include <link.h>

#include <cstring>

#include "allocator/entry/entry.h"
#include "allocator/os/os.h"
#include "preload/libc_sites.h"

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

constinit std::atomic<uint64_t> table[kEntries];

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

void EmptyTable() {
  for (std::atomic<uint64_t>& entry : table) entry.store(0, std::memory_order_relaxed);
}

bool IsDynamicLoader(const char* file) { return IsListed(file, "ld-*.so*:ld.so*"); }

// The program's path, looked up at load: the file may be replaced while it runs.
char program[256];

// The file that the address belongs to, or null (generated code). The main program has no
// name in the link map.
const char* ModuleOf(const void* address) {
  struct dl_find_object found;
  if (_dl_find_object(const_cast<void*>(address), &found) != 0) return nullptr;
  const char* const name = found.dlfo_link_map->l_name;
  if (name[0] != '\0') return name;
  return program[0] != '\0' ? program : nullptr;
}

}  // namespace

bool IsListed(const char* file, const char* globs) {
  const char* const slash = std::strrchr(file, '/');
  const char* const name = slash != nullptr ? slash + 1 : file;
  while (*globs != '\0') {
    const size_t size = std::strcspn(globs, ":");
    if (Matches(name, globs, globs + size)) return true;
    globs += size;
    if (*globs == ':') ++globs;
  }
  return false;
}

void Prepare() {
  if (!os::ExecutableName(program, sizeof program)) program[0] = '\0';
  if (entry::CurrentOptions().scope == Scope::kAll) FindLibcSites();
  EmptyTable();  // Of what was decided until now.
}

unsigned DomainOfSlow(const void* caller) {
  if (!entry::Start()) return 0;
  const Options& options = entry::CurrentOptions();
  // Not for the table: the answer is the call's, not the page's. Only with scope=all.
  if (IsInLibc(caller)) return IsDataSite(caller) ? kSecretBins : 0;
  const char* const file = ModuleOf(caller);
  unsigned domain = 0;
  if (options.scope == Scope::kAll) {
    domain = kSecretBins;
  } else if (options.scope == Scope::kModules && file != nullptr) {
    const char* const globs = options.modules[0] != '\0' ? options.modules : kDefaultModules;
    domain = IsListed(file, globs) ? kSecretBins : 0;
  }
  if (file != nullptr && IsDynamicLoader(file)) {
    EmptyTable();  // And no entry for the loader: it shall be seen each time.
  } else {
    const uint64_t page = reinterpret_cast<uintptr_t>(caller) >> kCodePageShift;
    table[page % kEntries].store(page << 8 | domain, std::memory_order_relaxed);
  }
  return domain;
}

}  // namespace secure_alloc::rules
