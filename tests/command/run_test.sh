#!/usr/bin/env bash
# secalloc run: what a program gets, and which programs are refused.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/check.sh"

run() { "$secalloc" run --library "$marker" "$@"; }

test_environment() {
  expect 0 '^marker preloaded$' run -- true
  expect 0 "^LD_PRELOAD=$marker\$" run env
  expect 0 "^LD_PRELOAD=$marker:/lib/other.so\$" env LD_PRELOAD=/lib/other.so "$secalloc" run \
    --library "$marker" env
  expect 0 '^SECALLOC_OPTIONS=scope=all,stats=1,fork=deny,budget=65536$' \
    env SECALLOC_OPTIONS=scope=api,stats=1 "$secalloc" run --library "$marker" \
    --scope=all --fork deny -o budget=65536 env
  expect 0 '^same env$' run -- bash -c '[[ -z ${SECALLOC_OPTIONS+x} ]] && echo same env'
  expect 0 "^LD_PRELOAD=$marker:/.*/libjemalloc.so.2\$" run --ordinary=jemalloc env
  expect 0 '^LD_BIND_NOW=1$' run env
  expect 0 '^LD_BIND_NOW=$' env LD_BIND_NOW= "$secalloc" run --library "$marker" env
  expect 0 '^marker preloaded$' env SECALLOC_LIBRARY="$marker" "$secalloc" run -- true
}

test_library_beside_the_command() {
  mkdir -p "$work/prefix/bin" "$work/prefix/lib/secure_alloc"
  cp "$secalloc" "$work/prefix/bin/"
  expect 126 'libsecure_alloc_preload.so is not beside' "$work/prefix/bin/secalloc" run true
  local folder
  for folder in lib/secure_alloc lib bin; do
    cp "$marker" "$work/prefix/$folder/libsecure_alloc_preload.so"
    expect 0 "^LD_PRELOAD=.*/prefix/$folder/lib" "$work/prefix/bin/secalloc" run env
  done
}

test_without_proc() {
  unshare -m true 2>/dev/null || { echo 'SKIP: machine: no unshare(2) here'; return; }
  expect 0 "^LD_PRELOAD=.*/prefix/bin/lib" unshare -m sh -c 'umount -l /proc; "$0" run env' \
    "$work/prefix/bin/secalloc"
}

# The library of the build is found without being named, and does its work.
test_key_is_hidden() {
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout "$work/key.pem" \
    -out "$work/crt.pem" 2>/dev/null
  local server=(openssl s_server -accept 127.0.0.1:0 -key "$work/key.pem" -cert "$work/crt.pem")
  hold bare ACCEPT "${server[@]}"
  expect 1 '^VISIBLE' "$secalloc" scan "$held" --key "$work/key.pem"
  hold protected ACCEPT "$secalloc" run -- "${server[@]}"
  expect 0 '^HIDDEN' "$secalloc" scan "$held" --key "$work/key.pem"
  expect 0 '^  secret +[1-9]' "$secalloc" scan "$held" --key "$work/key.pem"
}

test_explain() {
  local explain=("$secalloc" run --explain)
  expect 0 '^secret +/.*/libcrypto.so.3 +libcrypto.so\* in the default list$' \
    "${explain[@]}" openssl
  expect 0 '^ordinary +/.*/libc.so.6 +not in the default list$' "${explain[@]}" openssl
  expect 0 '^secret +/.*/openssl +openssl in modules$' "${explain[@]}" --modules=openssl openssl
  expect 0 '^ordinary +/.*/libcrypto.so.3' env SECALLOC_OPTIONS=scope=api "${explain[@]}" openssl
  expect 0 '^ordinary +/.*/node .*OpenSSL inside: --modules=node$' "${explain[@]}" node
  expect 0 '^\{"program":".*"module":"[^"]*/libssl.so.3","domain":"secret"' \
    "${explain[@]}" --json openssl
  # What the program itself says is not there, nor the library's own row.
  "${explain[@]}" -- bash -c 'echo it ran' >"$work/explained"
  ! grep -e 'it ran' -e libsecure_alloc "$work/explained" || fail 'that is no explanation'
  printf '#!/usr/bin/env bash\necho it ran\n' >"$work/explained_script"
  chmod 755 "$work/explained_script"
  expect 0 '^ordinary +/.*/bash ' "${explain[@]}" "$work/explained_script"
  expect 126 'is statically linked: ' "${explain[@]}" --force "$(static_program)"
  expect 2 'json goes with --explain' run --json true
}

# What the trace counts is what the program did, and where the rule put it.
test_trace() {
  local traced=("$secalloc" run --trace openssl genpkey -algorithm ED25519)
  local counted='calls=[0-9]+ bytes=[0-9]{5,}'
  expect 0 "^secure_alloc: trace pid=[0-9]+ domain=secret ${counted} module=libcrypto.so.3\$" \
    "${traced[@]}"
  expect 0 '^secure_alloc: trace .*domain=ordinary .*module=libc.so.6$' "${traced[@]}"
  expect 0 '^secure_alloc: trace .*domain=ordinary .*module=libcrypto.so.3$' \
    "$secalloc" run --scope=api --trace openssl genpkey -algorithm ED25519
  printf '%s\n' 'import ctypes; libc = ctypes.CDLL(None)' \
    'libc.calloc.restype = libc.realloc.restype = ctypes.c_void_p' \
    'block = libc.calloc(1000, 1003)' 'libc.realloc(ctypes.c_void_p(block), 70000003)' \
    >"$work/calls.py"
  expect 0 'calls=2 bytes=71003003 module=libffi' \
    "$secalloc" run --trace /usr/bin/python3 "$work/calls.py"
  "$secalloc" run openssl genpkey -algorithm ED25519 2>"$work/untraced" >/dev/null
  ! grep trace "$work/untraced" || fail 'a trace that nobody asked for'
}

test_memlock() {
  expect 0 '^8192$' prlimit --memlock=65536:8388608 "$secalloc" run --library "$marker" \
    bash -c 'ulimit -S -l'
}

test_exit_status_is_the_programs() {
  expect 7 '^marker' run -- bash -c 'exit 7'
  expect 143 '' bash -c "'$secalloc' run --library '$marker' bash -c 'kill \$\$'"
}

static_program() {
  echo 'int main() { return 5; }' >"$work/five.c"
  cc -static -o "$work/static" "$work/five.c"
  echo "$work/static"
}

test_refusals() {
  static_program >/dev/null
  expect 127 'not found' run no-such-program-anywhere
  expect 126 'chmod' run "$work"
  expect 126 'is statically linked: ' run "$work/static"
  cc -static-pie -o "$work/static_pie" "$work/five.c"
  expect 126 'is statically linked: ' run "$work/static_pie"
  expect 5 'not protected, but --force: .*statically linked' run --force "$work/static"
  cc -o "$work/five" "$work/five.c"
  expect 5 '^marker' run "$work/five"
  printf '#!%s\n' "$work/static" >"$work/script"
  chmod 755 "$work/script"
  expect 126 'is statically linked: ' run "$work/script"
  chmod u+s "$work/five"
  expect 126 'is setuid: ' run "$work/five"
  expect 5 'not protected, but --force: .*setuid' run --force "$work/five"
  chmod u-s,g+s "$work/five"
  expect 126 'is setgid: ' run "$work/five"
  chmod g-s "$work/five"
  if setcap cap_net_raw+p "$work/five"; then
    expect 126 'has file capabilities: ' run "$work/five"
  else
    echo "SKIP: machine: file capabilities, which this user or file system doesn't allow"
  fi
}

test_usage() {
  expect 2 'did you mean --scope' run --scpoe=all true
  expect 2 'did you mean --explain' run --explian true
  expect 2 'did you mean --trace' run --tarce true
  expect 2 'did you mean all' run --scope=al true
  expect 2 'did you mean budget' run -o buget=1 true
  expect 2 'NAME=VALUE' run -o budget true
  expect 2 'no program' run --scope=all
  expect 2 'needs a value' run --scope
  expect 126 'no such library' "$secalloc" run --library /no/such.so true
  expect 0 '^Usage: secalloc run' run --help
  expect 0 '^Usage: secalloc COMMAND' "$secalloc" --help
  expect 0 '^secalloc [0-9]+\.[0-9]+' "$secalloc" --version
  expect 2 'did you mean run' "$secalloc" rnu
}

test_environment
test_library_beside_the_command
test_without_proc
test_key_is_hidden
test_explain
test_trace
test_memlock
test_exit_status_is_the_programs
test_refusals
test_usage
finish
