#!/usr/bin/env bash
# node has OpenSSL inside its executable (nodejs.org's) or uses the system's through libnode
# (Debian's): a program whose own file is to be listed.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need node nodejs

start() { start_node "$1"; }
use() { use_tls node "$1"; }

prove_kind() {
  if [[ "$(ldd "$(readlink -f "$(command -v node)")")" == *libcrypto.so* ]]; then
    prove "$1" 'libcrypto.so*'
  else
    prove_listed "$1" node
  fi
}

prove_kind rsa
prove_kind ec
