#!/usr/bin/env bash
# OpenSSL: libcrypto keeps the keys and the sessions, libssl's own allocations neither.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need nginx nginx-light

start() { start_nginx "$1"; }
use() { use_tls nginx "$1"; }
SECRETS+=(--raw @DIR@/secrets)

prove rsa 'libcrypto.so*'
prove ec 'libcrypto.so*'
