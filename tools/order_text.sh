#!/usr/bin/env bash
# Writes tools/bazel/text_order, the order of the preloaded library's functions: tools/order_text.sh
#
# Runs small programs and the workloads of bench/ under gdb, and lists the sections (one for each
# function) that they execute: what most of them execute first. To be run when
# //tests/golden:resident_test asks for it.
#
# gold's --section-ordering-file has a name or a glob on each line. It knows no comments: the first
# line is the name of no section. What no line matches would come before all that is named.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
ORDER="${ROOT}/tools/bazel/text_order"
LIBRARY=preload/libsecure_alloc_preload.so
# Sorted by bytes, on every machine.
export LC_ALL=C
RUNS=0

die() {
  printf 'order_text: %s\n' "$*" >&2
  exit 1
}

# What is run, in bazel-bin/bench/workloads: the commonest first.
commands() {
  cat <<'END'
/bin/true
/bin/cat /proc/self/maps
/bin/bash -c 'echo "$(true)"'
/usr/bin/perl -e 'print join(",", map { $_ x 3 } 1 .. 1000); system("true")'
/usr/bin/python3 -ic 'import json, os; print(json.dumps(list(range(1000)))); os.fork()'
/usr/bin/python3 -c 'import ssl; ssl.create_default_context()'
/usr/bin/openssl genpkey -algorithm ED25519
./aligned 20000 500 1000
./batch 20 2 1000 16 512
./growth 20000 100 200 100000
./large 20 8 65536 1048576 64
./leftovers 2 2000000 20 5 8
./lifetimes 100000 1 10000
./pipeline 50 2 2000 8 16 256
./server 4 2 200 400 8 100
./sharing 200 1 2 1000 16
./short_threads 20 2 200 512
./strings 1000 20 40 100
./zeroed 20000 200 65536
END
}

# The library with a map of its sections. A build of its own: the linker writes the map only when
# it runs.
build() {
  bazel build //bench/workloads:programs
  WORKLOADS="$(realpath bazel-bin/bench/workloads)"
  bazel build "--linkopt=-Wl,-Map=${WORK}/map" "//${LIBRARY/\//:}"
  cp "bazel-bin/${LIBRARY}" "${WORK}/library.so"
  [[ -s "${WORK}/map" ]] || die "the linker wrote no map to ${WORK}/map; is it gold?"
}

# The sections that hold code: "ADDRESS NAME". A long name has a line for itself in the map.
sections() {
  awk 'function put(name, address, size) {
         if (size !~ /^0x0*$/) printf "%s %s\n", substr(address, 3), name
       }
       /^\.[a-z]/ { code = $1 == ".text" }
       !code { next }
       /^ \.text\./ && NF == 1 { name = $1; next }
       /^ \.text\./ { put($1, $2, $3) }
       name != "" { put(name, $1, $2); name = "" }' "${WORK}/map"
}

# add_executed FOLLOWED COMMAND: the names of the sections that it executes; of a fork, what the
# parent or the child does.
add_executed() {
  printf '== %s\n' "$2"
  : >"${WORK}/one"
  (cd "${WORKLOADS}" && eval "LIBRARY='${WORK}/library.so' SECTIONS='${WORK}/sections' \
    EXECUTED='${WORK}/one' FOLLOW=$1 gdb -q -batch -nx -x '${ROOT}/tools/executed.py' \
    --args $2") >"${WORK}/log" 2>&1 </dev/null || true
  [[ -s "${WORK}/one" ]] || { cat "${WORK}/log" >&2; die "gdb saw nothing of '$2'; see above"; }
  RUNS=$((RUNS + 1))
  sort -u "${WORK}/one" | sed "s/$/ ${RUNS}/" >>"${WORK}/executed"
}

# Before all, what the first two programs execute: the least of programs do as much. What as many
# programs execute comes in the order of the programs.
write_order() {
  echo '# What programs execute, most of them first; made by tools/order_text.sh'
  echo .text  # What comes with the compiler: not a section for each function, but few.
  awk '!programs[$1]++ { first[$1] = $2 }
       END { for (name in first) print (first[name] > 2), programs[name], first[name], name }' \
    "${WORK}/executed" | sort -k1,1n -k2,2nr -k3,3n -k4 | awk '{ print $4 }'
  echo '.text.*'
}

main() {
  WORK="$(realpath "$(mktemp -d "${TMPDIR:-/tmp}/order_text.XXXXXX")")"
  trap 'rm -rf "${WORK}"' EXIT
  cd "${ROOT}"
  command -v gdb >/dev/null || die 'gdb is missing; tools/install_deps.sh test'
  build
  sections >"${WORK}/sections"
  local command
  while read -r command; do
    add_executed parent "${command}"
  done < <(commands)
  add_executed child "/bin/bash -c 'echo \"\$(true)\"'"
  write_order >"${WORK}/order"
  cp "${WORK}/order" "${ORDER}"
  printf 'order_text: wrote %d names to %s\n' "$(wc -l <"${ORDER}")" "${ORDER}"
}

main "$@"
