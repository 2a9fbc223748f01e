#!/usr/bin/env bash
# libgcrypt, by Debian's Perl module for it: a cipher's key, in the cipher's context.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need perl perl
perl -MCrypt::GCrypt -e 1 2>/dev/null || need Crypt::GCrypt libcrypt-gcrypt-perl

start() {
  head -c 32 /dev/urandom >"$1/cipher_key"
  launch "$1/gcrypt.log" perl "${SERVERS_DIR}/../modules/gcrypt.pl" "$1/cipher_key"
  wait_until "$1/gcrypt.log" grep -qs '^ready' "$1/gcrypt.log"
}
use() { :; }
SECRETS=(--raw @DIR@/cipher_key)

prove rsa 'libgcrypt.so*'
