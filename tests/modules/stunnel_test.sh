#!/usr/bin/env bash
# stunnel gives libcrypto an allocator of its own (CRYPTO_set_mem_functions): the program itself
# calls malloc for the keys. Of an RSA key it leaves pieces on its stack when it starts.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need stunnel4 stunnel4

start() {
  PORT="$(free_port)"
  cat >"$1/stunnel.conf" <<EOF
foreground = yes
pid =
[echo]
accept = 127.0.0.1:${PORT}
exec = /bin/cat
cert = $1/cert.pem
key = $1/key.pem
EOF
  serve "$1/stunnel.log" stunnel4 "$1/stunnel.conf"
}
use() { use_tls echo "$1"; }
SECRETS+=(--raw @DIR@/secrets)

prove_listed ec 'stunnel*'
