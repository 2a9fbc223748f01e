#!/usr/bin/env bash
# NSS: keys and sessions are objects of libnssutil3 and of NSPR's arenas (libplds4); what libfreebl
# computes with lives as long as a signature.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lighttpd.sh"
need_lighttpd mod_nss lighttpd-mod-nss

start() { start_lighttpd "$1" mod_nss; }
SECRETS+=(--raw @DIR@/secrets)

prove rsa 'libnssutil3.so*' 'libplds4.so*'
prove ec 'libnssutil3.so*' 'libplds4.so*'

busy() { while tls_requests lighttpd "${PORT}" 100 >/dev/null 2>&1; do :; done; }
SECRETS=(--key @DIR@/key.pem)
prove_busy 'libfreebl*.so*'
