#!/usr/bin/env bash
# Compiles an adapter by its language's compiler, then as adapter_test.sh:
# compiled_test.sh rust|go SECALLOC LIBRARY
set -euo pipefail

LANGUAGE="$1"
SECALLOC="$2"
LIBRARY="$(realpath "$3")"
ADAPTERS="$(dirname "${BASH_SOURCE[0]}")"
BUILT="$(mktemp -d "${TMPDIR:-/tmp}/compiled.XXXXXX")"
trap 'rm -rf "${BUILT}"' EXIT
export LD_LIBRARY_PATH="${LIBRARY%/*}"

need() {
  command -v "$1" >/dev/null || {
    printf "SKIP: machine: no %s; apt-get install %s\n" "$1" "$2"
    exit 0
  }
}

build_rust() {
  need rustc rustc
  local rust=(rustc -O -L "${LIBRARY%/*}" "${ADAPTERS}/adapter.rs")
  "${rust[@]}" -o "${BUILT}/hiding"
  "${rust[@]}" --cfg plain -o "${BUILT}/plain"
}

build_go() {
  need go golang-go
  export CGO_CFLAGS="-I${PWD}/include" CGO_LDFLAGS="-L${LIBRARY%/*} -lsecure_alloc"
  export GO111MODULE=off GOCACHE="${BUILT}/cache" GOFLAGS=-p=1 GOTOOLCHAIN=local
  go build -o "${BUILT}/hiding" "${ADAPTERS}/adapter.go"
  ln -s hiding "${BUILT}/plain"
}

"build_${LANGUAGE}"
"${ADAPTERS}/adapter_test.sh" "${SECALLOC}" raw "${BUILT}/hiding" "${BUILT}/plain"
