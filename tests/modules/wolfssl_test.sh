#!/usr/bin/env bash
# wolfSSL. Its module of lighttpd keeps a copy of the key file too, in memory of lighttpd's own
# functions. RSA only: with an EC key the library leaves the scalar on the stack.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$(dirname "${BASH_SOURCE[0]}")/lighttpd.sh"
need_lighttpd mod_wolfssl lighttpd-mod-wolfssl

start() { start_lighttpd "$1" mod_wolfssl; }
SECRETS+=(--raw @DIR@/secrets)
COMPANY=(lighttpd)

prove rsa 'libwolfssl.so*'
