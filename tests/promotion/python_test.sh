#!/usr/bin/env bash
# A Python process that has its key in ordinary memory promotes it through ctypes, with and without
# the preload library: python_test.sh SECALLOC API_LIBRARY PRELOAD_LIBRARY
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
program="$(dirname "${BASH_SOURCE[0]}")/python_promotes.py"

# promote_key NAME COMMAND...
promote_key() {
  local name="$1" line pid
  shift
  head -c 3000 /dev/urandom >"${work}/key"
  coproc PYTHON { exec "$@" /usr/bin/python3 -B "${program}" "${api}" "${work}/key" 2>&1; }
  pid="${PYTHON_PID}"
  read -r line <&"${PYTHON[0]}"
  check "${name}: the key is loaded" test "${line}" = loaded
  check "${name}: the key is visible before" is_visible "${pid}" --raw "${work}/key"
  echo >&"${PYTHON[1]}"
  read -r line <&"${PYTHON[0]}"
  check "${name}: the key is promoted (${line})" test "${line}" = promoted
  check "${name}: the key is hidden, the control found" is_hidden "${pid}" --raw "${work}/key"
  echo >&"${PYTHON[1]}"
  read -r line <&"${PYTHON[0]}"
  check "${name}: the key is what it was" grep -qx "${line}  -" <(sha256sum <"${work}/key")
  wait "${pid}" || check "${name}: Python ends well" false
}

promote_key 'without the preload library' env
promote_key 'under the preload library' env "LD_PRELOAD=${preload}"
promote_key 'under the preload library, the API only' env "LD_PRELOAD=${preload}" \
  SECALLOC_OPTIONS=scope=api
finish
