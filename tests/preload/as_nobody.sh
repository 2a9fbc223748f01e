#!/usr/bin/env bash
# Runs a program's test as the user nobody with 8 MiB of locked memory, as most systems give:
# as_nobody.sh SCRIPT LIBRARY OPTIONS. A user who is not root already runs it as himself.
set -euo pipefail

SCRIPT="${1:?usage: as_nobody.sh SCRIPT LIBRARY OPTIONS}" LIBRARY="$2" OPTIONS="$3"
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
LIMITED=(prlimit --memlock=8388608:8388608 --)
[[ "${EUID}" == 0 ]] || exec "${LIMITED[@]}" bash "${HERE}/${SCRIPT}" "${LIBRARY}" "${OPTIONS}"

# A copy that nobody may read: the build tree can lie below a closed home directory.
COPY="$(mktemp -d)"
trap 'rm -rf "${COPY}"' EXIT
mkdir "${COPY}/preload"
cp -L "${HERE}/lib.sh" "${HERE}/${SCRIPT}" "${LIBRARY}" "${COPY}/preload/"
cp -rL "${HERE}/../servers" "${COPY}/servers"
chmod -R a+rX "${COPY}"
cd "${COPY}"
setpriv --reuid=65534 --regid=65534 --clear-groups "${LIMITED[@]}" \
  bash "preload/${SCRIPT}" "${COPY}/preload/$(basename "${LIBRARY}")" "${OPTIONS}"
