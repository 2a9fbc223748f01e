#!/usr/bin/env bash
# GnuTLS: libtasn1 keeps the key as it was read, libgmp the numbers to compute with, libgnutls the
# sessions (their master secrets).
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need gnutls-serv gnutls-bin

start() {
  PORT="$(free_port)"
  serve "$1/gnutls.log" gnutls-serv --echo --port "${PORT}" \
    --x509keyfile "$1/key.pem" --x509certfile "$1/cert.pem"
}
use() { use_tls echo "$1"; }
SECRETS+=(--raw @DIR@/secrets)

prove rsa 'libgnutls.so*' 'libgmp.so*' 'libtasn1.so*'
prove ec 'libgnutls.so*' 'libgmp.so*' 'libtasn1.so*'
