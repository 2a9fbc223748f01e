#!/usr/bin/env bash
# The crypto preload library leaves alone what isn't meant: a program's own copy of libsodium,
# linked into it, and OpenSSL's functions of another version:
# crypto_others_test.sh LIBRARY CRYPTO_LIBRARY
set -euo pipefail

WORK="$(mktemp -d)"
trap 'rm -rf "${WORK}"' EXIT
PRELOADED="$(realpath "$1"):$(realpath "$2")"
cd "${WORK}"

cat >old_crypto.c <<'END'
#include <stddef.h>
char *name = "the old library's";
void *CRYPTO_secure_malloc(size_t size, const char *file, int line) { return name; }
END
echo 'OPENSSL_1_1_0 { global: CRYPTO_secure_malloc; local: *; };' >old_crypto.map

# KEPT: what the program links itself. Without it sodium_malloc is libsodium's: the control.
cat >program.c <<'END'
#include <stdio.h>
#include <string.h>
void *sodium_malloc(size_t size);
void *CRYPTO_secure_malloc(size_t size, const char *file, int line);
#ifdef KEPT
void *sodium_malloc(size_t size) { return "the program's own"; }
#endif
static const char *of(const void *answer, const char *own) {
  return strncmp(answer, own, 8) == 0 ? own : "replaced";
}
int main(void) {
  printf("%s; %s\n", of(sodium_malloc(32), "the program's own"),
         of(CRYPTO_secure_malloc(32, "", 0), "the old library's"));
}
END

cc -w -shared -fPIC -Wl,--version-script=old_crypto.map -Wl,-soname,libold.so -o libold.so \
  old_crypto.c
cc -w -DKEPT -o kept program.c libold.so -Wl,-rpath,"${WORK}"
cc -w -o served program.c libold.so -lsodium -Wl,-rpath,"${WORK}"

# expect PROGRAM LINE
expect() {
  local said
  said="$(LD_PRELOAD="${PRELOADED}" "./$1")" || said+="; its exit status is $?"
  [[ "${said}" == "$2" ]] || { echo "FAILED: $1 says '${said}', not '$2'"; exit 1; }
  echo "ok: $1: ${said}"
}
expect kept "the program's own; the old library's"
expect served "replaced; the old library's"
