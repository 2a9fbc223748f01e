#!/usr/bin/env bash
# openssl: a TLS server, and commands that make, sign, encrypt and show.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need openssl openssl

exercise() {
  tls_requests openssl "${PORT}" 50 "$1/cert.pem"
  for protocol in -tls1_2 -tls1_3; do
    "${LAUNCH[@]}" openssl s_client -quiet -no_ign_eof "${protocol}" -CAfile "$1/cert.pem" \
      -connect "127.0.0.1:${PORT}" -verify_return_error 2>&1 </dev/null | sed -n 1,2p
  done
}

examine() {
  expect_secret_pages "${PID}"
}

expect_same_service start_openssl exercise examine
expect_same "openssl: commands" bash -euc "
  key=${WORK}/key.pem cert=${WORK}/cert.pem
  openssl rsa -in \$key -text; openssl x509 -in \$cert -text
  openssl verify -CAfile \$cert \$cert
  echo text >text; openssl dgst -sha256 -sign \$key -out signature text
  openssl dgst -sha256 -verify <(openssl rsa -in \$key -pubout) -signature signature text
  head -c 3000000 /dev/zero |
    openssl enc -aes-256-ctr -K 00112233 -iv 44 2>/dev/null | sha256sum
  openssl kdf -keylen 32 -kdfopt pass:x -kdfopt salt:y -kdfopt n:1024 -kdfopt r:8 \\
    -kdfopt p:1 SCRYPT
  openssl req -new -x509 -key \$key -subj /CN=x -set_serial 1 -days 1 |
    openssl x509 -noout -subject -serial
  for curve in P-256 secp384r1 brainpoolP256r1; do
    openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:\$curve -out ec.pem
    openssl ec -in ec.pem -noout -text 2>&1 | grep -c . ; rm ec.pem
  done
  openssl genrsa 2048 | openssl rsa -check -noout
  openssl pkcs12 -export -inkey \$key -in \$cert -passout pass:p |
    openssl pkcs12 -passin pass:p -nodes | openssl rsa | cmp - <(openssl rsa -in \$key)"
