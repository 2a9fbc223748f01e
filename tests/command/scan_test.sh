#!/usr/bin/env bash
# secalloc scan on live programs and core files: finds keys where they are, and only there.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/check.sh"

make_keys() {
  openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/rsa.pem"
  openssl pkey -in "$work/rsa.pem" -outform DER -out "$work/rsa.der"
  openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/ec.pem"
  openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/other.pem"
  local key
  for key in rsa ec; do
    openssl req -x509 -days 2 -key "$work/$key.pem" -subj /CN=localhost -out "$work/$key.crt"
  done
  head -c 64 /dev/urandom >"$work/raw"
}

scan() { "$secalloc" scan "$@"; }

test_openssl() {
  hold s_server ACCEPT openssl s_server -accept 127.0.0.1:0 -key "$work/rsa.pem" \
    -cert "$work/rsa.crt"
  expect 1 '^  found +RSA p, little-endian' scan "$held" --key "$work/rsa.pem"
  expect 1 '^  control +found: yes' scan "$held" --key "$work/rsa.der"
  expect 1 '^VISIBLE' scan "$held" --key "$work/other.pem" --key "$work/rsa.pem"
  expect 0 '^key parts found: 0, matches: 0$' scan "$held" --key "$work/other.pem"
  expect 0 '^HIDDEN' scan "$held" --key "$work/ec.pem"
  # The certificate's text and the modulus are there, and public.
  expect 0 '^HIDDEN' scan "$held" --raw "$work/raw"
  expect 0 'Saved corefile' gcore -o "$work/core" "$held"
  expect 1 '^  control +found: yes' scan "$work/core.$held" --key "$work/rsa.pem"
  expect 1 '^key parts found: [1-9]' scan "$work/core.$held" --key "$work/rsa.pem"
  expect 0 '^HIDDEN' scan "$work/core.$held" --key "$work/other.pem"
  # Cut off behind the place of the control: what is missing might hold the key.
  head -c $(($(stat -c %s "$work/core.$held") - 65536)) "$work/core.$held" >"$work/cut"
  expect 3 '^BLIND: .*cut off' scan "$work/cut" --key "$work/other.pem"
  expect 3 '^BLIND: the control' scan "$work/core.$held" --key "$work/other.pem" \
    --control 'a text that nobody has ever had in memory'
}

test_python() {
  hold ssl ready /usr/bin/python3 -c "
import ssl, time
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('$work/ec.crt', '$work/ec.pem')
print('ready', flush=True)
time.sleep(600)"
  expect 1 '^  found +EC scalar, ' scan "$held" --key "$work/ec.pem"
  hold text ready /usr/bin/python3 -c "
import time
text = open('$work/rsa.pem').read()
raw = open('$work/raw', 'rb').read()
print('ready', flush=True)
time.sleep(600)"
  expect 1 '^  found +PEM, text' scan "$held" --key "$work/rsa.pem"
  expect 0 '^HIDDEN' scan "$held" --key "$work/ec.pem"
  expect 1 '^  found +raw, bytes' scan "$held" --raw "$work/raw"
}

test_memory_without_access_is_read() {
  hold noaccess ready "$key_holder" noaccess "$work/rsa.pem"
  expect 1 '^  found +PEM, text' scan "$held" --key "$work/rsa.pem"
}

# A scan's own needles are no find; the same process with a plain copy shows that they
# would be if they were readable.
test_scanner_holds_no_key() {
  local key
  for key in rsa.pem rsa.der ec.pem; do
    hold needles ready "$key_holder" needles "$work/$key"
    expect 0 '^key parts found: 0,' scan "$held" --key "$work/$key"
    hold bare_needles ready "$refuse" memfd_secret EPERM -- "$key_holder" needles "$work/$key"
    expect 0 '^key parts found: 0,' scan "$held" --key "$work/$key"
    hold plain ready "$key_holder" plain "$work/$key"
    expect 1 '^key parts found: [1-9]' scan "$held" --key "$work/$key"
  done
}

test_secret_memory() {
  hold private ready "$key_holder" private "$work/rsa.pem"
  expect 0 '^  secret +1 mapping of secret memory \(64\.0 KiB\)' scan "$held" --key "$work/rsa.pem"
  hold no_private ready "$refuse" memfd_secret ENOSYS -- "$key_holder" private "$work/rsa.pem"
  expect 1 '^  found +PEM, text' scan "$held" --key "$work/rsa.pem"
}

test_blindness() {
  hold sleep ready bash -c 'echo ready; exec env -i /usr/bin/sleep 600'
  expect 0 '^HIDDEN' scan "$held" --key "$work/rsa.pem"
  expect 3 '^BLIND' scan "$held" --key "$work/rsa.pem" --control 'nobody has this text in memory'
  expect 3 '"verdict":"blind"' scan "$held" --key "$work/rsa.pem" --json \
    --control 'nobody has this text in memory'
  expect 0 'given by --control' env "NOTE=$(printf 'ab%.0s' {1..20}) etc" bash -c \
    "'$secalloc' scan \$\$ --key '$work/rsa.pem' --control \"\$NOTE\"; exit \$?"
  expect 3 'no process' scan 999999999 --key "$work/rsa.pem"
  expect 3 'thread of the kernel|no process' scan 2 --key "$work/rsa.pem"
}

test_privileges() {
  local nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  if [[ $(id -u) != 0 ]]; then
    echo "SKIP: machine: another user's processes, which needs root to set up"
    return
  fi
  cp "$secalloc" "$work/secalloc"
  chmod 644 "$work"/*.pem
  hold root_sleep ready bash -c 'echo ready; exec sleep 600'
  # Root of a container may have less rights than the program.
  expect 3 'not allowed .*even as root' setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace \
    "$secalloc" scan "$held" --key "$work/rsa.pem"
  expect 3 'not allowed .*sudo' "${nobody[@]}" "$work/secalloc" scan "$held" --key "$work/rsa.pem"
  hold nobody_text ready "${nobody[@]}" /usr/bin/python3 -c "
import time
text = open('$work/rsa.pem').read()
print('ready', flush=True)
time.sleep(600)"
  expect 1 '^  control +found: yes' "${nobody[@]}" "$work/secalloc" scan "$held" \
    --key "$work/rsa.pem"
}

test_usage() {
  expect 2 'did you mean --key' scan 1 --kye "$work/rsa.pem"
  expect 2 'needs a PID' scan --key "$work/rsa.pem"
  expect 2 'no private key' scan 1 --key "$work/rsa.crt"
  expect 2 'at least 24' scan 1 --key "$work/rsa.pem" --control short
  expect 3 'not an ELF core' scan "$work/rsa.pem" --key "$work/rsa.pem"
  expect 0 '^Usage: secalloc scan' scan --help
}

test_json_is_one_object() {
  hold plain_json ready "$key_holder" plain "$work/rsa.pem"
  expect 1 '"verdict":"visible"' scan "$held" --key "$work/rsa.pem" --json
  /usr/bin/python3 - "$work/output" <<'PYTHON' || fail "the JSON isn't as documented"
import json, sys
report = json.load(open(sys.argv[1]))
assert report["control_found"] is True
assert report["key_parts_found"] == len(report["found"]) == 1
assert report["matches"] == sum(each["places"] for each in report["found"])
assert report["bytes_read"] > 0
PYTHON
}

make_keys
test_openssl
test_python
test_memory_without_access_is_read
test_scanner_holds_no_key
test_secret_memory
test_blindness
test_privileges
test_usage
test_json_is_one_object
finish
