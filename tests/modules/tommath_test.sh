#!/usr/bin/env bash
# LibTomMath, by dropbear: its numbers have 60 bits in each word, so they are looked for as such.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need dropbear dropbear-bin

start() {
  PORT="$(free_port)"
  openssl pkey -traditional -in "$1/key.pem" -out "$1/pkcs1.pem"
  dropbearconvert openssh dropbear "$1/pkcs1.pem" "$1/dropbear.key" >"$1/convert.log" 2>&1
  "${SERVER_PYTHON}" "${SERVERS_DIR}/../modules/sixty_bit_words.py" "$1/key.pem" "$1/words"
  serve "$1/dropbear.log" dropbear -F -E -m -r "$1/dropbear.key" -p "127.0.0.1:${PORT}" -P "$1/pid"
}

# A whole key exchange, which the server's signature ends, and a connection that stays open, with a
# child of the server.
use() {
  DROPBEAR_PASSWORD=wrong dbclient -y -y -p "${PORT}" nobody@127.0.0.1 true </dev/null \
    >"$1/client.log" 2>&1 || true
  grep -q "User 'nobody'" "$1/dropbear.log" ||
    { cat "$1/client.log" "$1/dropbear.log" >&2; return 1; }
  # The first connection's child is gone, and there is one of the second's.
  wait_until "$1/dropbear.log" has_processes 1 && exec {HELD}<>"/dev/tcp/127.0.0.1/${PORT}" &&
    wait_until "$1/dropbear.log" has_processes 2
}
SECRETS+=(--raw @DIR@/words)

prove rsa 'libtommath.so*'
