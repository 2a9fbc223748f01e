#!/usr/bin/env bash
# Tracers find every probe that docs/probes.md has, and no other, in both libraries; a debugger
# stops there and reads the arguments: probes_test.sh DOCUMENT REFUSE PRELOADED API
set -euo pipefail

DOCUMENT="$1"
REFUSE="$(realpath "$2")"
PRELOADED="$(realpath "$3")"
WORK="$(mktemp -d)"
trap 'rm -rf "${WORK}"' EXIT
STATUS=0

fail() {
  printf 'FAILED: %s\n' "$*"
  STATUS=1
}

documented() {
  sed -nE '/^## Static/,/^## Lines/s/^\| `([a-z_]+)` \| .* \| .* \|$/\1/p' "${DOCUMENT}" | sort
}

# stops PROBE PATTERN COMMAND...: run under the debugger, the program comes to the probe, with
# arguments that match, as it prints them.
stops() {
  local probe="$1" pattern="$2"
  shift 2
  gdb -q -batch -nx -ex 'set breakpoint pending on' -ex 'set startup-with-shell off' \
    -ex "break -probe-stap secure_alloc:${probe}" -ex run \
    -ex 'printf "at the probe: %d %d\n", (long)$_probe_arg0, (long)$_probe_arg1' \
    -ex 'printf "text: %s\n", (char *)$_probe_arg0' -ex kill --args "$@" >"${WORK}/gdb" 2>&1 || true
  grep -qE -- "${pattern}" "${WORK}/gdb" || {
    fail "${probe}: the debugger doesn't say '${pattern}' of: $*"
    tail -n 15 "${WORK}/gdb"
  }
}

for library in "${@:3}"; do
  readelf -nW "${library}" | sed -n 's/^ *Name: //p' | sort -u >"${WORK}/found"
  readelf -nW "${library}" | grep -c 'Provider: secure_alloc' >"${WORK}/count"
  diff <(documented) "${WORK}/found" || fail "${library} has other probes (>) than ${DOCUMENT} (<)"
  (($(cat "${WORK}/count") >= $(wc -l <"${WORK}/found"))) || fail "${library}: another provider"
done

printf '#include <stdlib.h>\nint main(void) { char *p = malloc(8); free(p); free(p); }\n' \
  >"${WORK}/twice.c"
cc -O0 -w -o "${WORK}/twice" "${WORK}/twice.c"
UNDER=(/usr/bin/env "LD_PRELOAD=${PRELOADED}")
stops fault '^text: double free$' "${UNDER[@]}" "${WORK}/twice"
stops arena_created '^at the probe: [1-9][0-9]* 0$' "${UNDER[@]}" "${WORK}/twice"
stops arena_created '^at the probe: 65536 2$' \
  "${UNDER[@]}" SECALLOC_OPTIONS=scope=all "${WORK}/twice"
stops arena_degraded '^at the probe: 1 38$' "${REFUSE}" memfd_secret ENOSYS -- \
  "${UNDER[@]}" openssl genpkey -algorithm ED25519
stops allocation_refused '^at the probe: [1-9][0-9]* 38$' "${REFUSE}" memfd_secret ENOSYS -- \
  "${UNDER[@]}" SECALLOC_OPTIONS=fallback=none openssl genpkey -algorithm ED25519
stops allocation_degraded '^at the probe: [1-9][0-9]* 11$' \
  "${UNDER[@]}" SECALLOC_OPTIONS=fallback=plain,budget=1 openssl genpkey -algorithm ED25519
exit "${STATUS}"
