#!/usr/bin/env bash
# certtool (GnuTLS, nettle, gmp): keys, a self-signed certificate with fixed dates, PKCS #12.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need certtool gnutls-bin

openssl genrsa -traditional -out "${WORK}/key.pem" 2048 2>/dev/null
cat >"${WORK}/template" <<'TEMPLATE'
cn = "localhost"
dns_name = "localhost"
serial = 7
activation_date = "2024-01-01 00:00:00 UTC"
expiration_date = "2054-01-01 00:00:00 UTC"
ca
signing_key
cert_signing_key
TEMPLATE

# The signature is PKCS #1 v1.5 and so the same each time.
expect_same "certtool: a self-signed certificate" bash -euc "
  from='--load-privkey ${WORK}/key.pem --template ${WORK}/template'
  certtool --generate-self-signed \$from --outfile cert.pem
  certtool --generate-request \$from --outfile request.pem
  certtool -i --infile cert.pem
  certtool -k --infile ${WORK}/key.pem
  certtool --crq-info --infile request.pem
  certtool --verify --load-ca-certificate cert.pem --infile cert.pem
  openssl verify -CAfile cert.pem cert.pem"
expect_same "certtool: new keys" bash -euo pipefail -c "
  for key in 'rsa --bits 2048' 'ecdsa --curve secp256r1' 'ed25519'; do
    certtool --generate-privkey --key-type \$key --outfile key.pem 2>/dev/null
    certtool -k --infile key.pem | sed -n 1,3p; openssl pkey -in key.pem -check -noout
    certtool --generate-self-signed --load-privkey key.pem --template ${WORK}/template \\
      --outfile cert.pem 2>&1 | sed -E '/^\s+[0-9a-f:]+$/d; /sha(1|256):/d'
    openssl verify -CAfile cert.pem cert.pem
  done; rm key.pem cert.pem"
expect_same "certtool: PKCS #12 and encrypted keys" bash -euc "
  certtool --to-p8 --load-privkey ${WORK}/key.pem --password secret --outfile key.p8
  certtool --p8-info --infile key.p8 --password secret | sed 's/:.*//'
  openssl pkey -in key.p8 -passin pass:secret | sha256sum; rm key.p8"
