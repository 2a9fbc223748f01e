#!/usr/bin/env bash
# Runs examples/promote.c with a key of its own, linked with the API library and under the preload
# library: promote_test.sh PROGRAM SECALLOC PRELOAD_LIBRARY
set -euo pipefail

work="$(mktemp -d /tmp/promote-example.XXXXXX)"
trap 'rm -rf "${work}"' EXIT
head -c 512 /dev/urandom >"${work}/key"

printf 'linked\n'
"$1" "$2" "${work}/key"
printf 'under the preload library\n'
LD_PRELOAD="$(realpath "$3")" "$1" "$2" "${work}/key"
