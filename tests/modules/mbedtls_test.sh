#!/usr/bin/env bash
# Mbed TLS: libmbedcrypto keeps the key, libmbedtls the sessions.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lighttpd.sh"
need_lighttpd mod_mbedtls lighttpd-mod-mbedtls

start() { start_lighttpd "$1" mod_mbedtls; }
SECRETS+=(--raw @DIR@/secrets)

prove rsa 'libmbedcrypto.so*' 'libmbedtls.so*'
prove ec 'libmbedcrypto.so*' 'libmbedtls.so*'
