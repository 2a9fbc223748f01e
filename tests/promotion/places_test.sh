#!/usr/bin/env bash
# Every kind of memory, promoted through the API library that a program loads, with and without the
# preload library, as root and not: places_test.sh PROGRAM API_LIBRARY PRELOAD_LIBRARY
set -euo pipefail

work="$(mktemp -d /tmp/places-test.XXXXXX)"
trap 'rm -rf "${work}"' EXIT
chmod 755 "${work}"
install -m 755 "$@" "${work}"
program="${work}/$(basename "$1")" api="${work}/$(basename "$2")" preload="${work}/$(basename "$3")"
as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups prlimit --memlock=8388608:8388608 --)
failures=0

# try NAME COMMAND...
try() {
  printf '%s\n' "$1"
  "${@:2}" "${program}" "${api}" || failures=$((failures + 1))
}

try 'alone' env
try 'under the preload library' env "LD_PRELOAD=${preload}"
if ((EUID == 0)); then
  try 'alone, as nobody' "${as_nobody[@]}"
  try 'under the preload library, as nobody' "${as_nobody[@]}" env "LD_PRELOAD=${preload}"
else
  echo 'SKIP: machine: becoming nobody needs root'
fi
exit $((failures > 0))
