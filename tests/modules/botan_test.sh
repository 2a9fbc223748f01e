#!/usr/bin/env bash
# Botan, without its own pool of locked memory: that is not from malloc, and stays readable.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need botan botan
export BOTAN_MLOCK_POOL_SIZE=0

start() {
  PORT="$(free_port)"
  serve "$1/botan.log" botan tls_server "$1/cert.pem" "$1/key.pem" --port="${PORT}"
}
use() { use_tls echo "$1"; }
SECRETS+=(--raw @DIR@/secrets)

prove rsa 'libbotan-*.so*'
prove ec 'libbotan-*.so*'
