#!/usr/bin/env bash
# Does an adapter hide what it says it hides? adapter_test.sh SECALLOC pem|raw HIDING PLAIN
#
# HIDING and PLAIN are command lines without the key's file. Each reads it, prints `ready`, and ends
# when its standard input does. A scan must find the key in PLAIN, which shows that it can be found,
# and must not in HIDING.
set -euo pipefail

SECALLOC="$1"
KIND="$2"
read -ra HIDING <<<"$3"
read -ra PLAIN <<<"$4"
WORK="$(mktemp -d "${TMPDIR:-/tmp}/adapter.XXXXXX")"
trap 'rm -rf "${WORK}"' EXIT

# Lazy binding would leave registers, with pieces of the key, on the stack.
export LD_BIND_NOW=1

make_key() {
  case "${KIND}" in
    pem) openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "${WORK}/key" 2>/dev/null
      SCAN=(--key "${WORK}/key") ;;
    raw) head -c 32 /dev/urandom >"${WORK}/key"
      SCAN=(--raw "${WORK}/key") ;;
  esac
}

# expect STATUS WHAT COMMAND...: 0 is hidden, 1 visible.
expect() {
  local status=0 line='' to from pid
  coproc HELD { exec "${@:3}" "${ARGUMENTS[@]}"; }
  pid="${HELD_PID}" from="${HELD[0]}" to="${HELD[1]}"
  read -r -t 60 line <&"${from}" || true
  [[ "${line}" == ready ]] || { printf 'FAILED %s: it did not start\n' "$2"; return 1; }
  "${SECALLOC}" scan "${pid}" "${SCAN[@]}" >"${WORK}/scan" 2>&1 || status=$?
  exec {to}>&-
  wait "${pid}" || { printf 'FAILED %s: it ended with status %s\n' "$2" "$?"; return 1; }
  [[ "${status}" == "$1" ]] || { printf 'FAILED %s\n' "$2"; cat "${WORK}/scan"; return 1; }
  printf 'ok     %s\n' "$2"
}

"${SECALLOC}" doctor >/dev/null 2>&1 || {
  echo 'SKIP: kernel: no memfd_secret(2) memory: locked memory can be scanned'
  exit 0
}
make_key
ARGUMENTS=("${WORK}/key")
expect 0 'the key is hidden' "${HIDING[@]}"
ARGUMENTS=("${WORK}/key" plain)
expect 1 'the same program without the adapter shows it' "${PLAIN[@]}"
