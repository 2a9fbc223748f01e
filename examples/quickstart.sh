#!/usr/bin/env bash
# The main job in one command: examples/quickstart.sh
#
# Makes private keys, starts servers that nobody modified, first as they are and then under
# `secalloc run`, makes real TLS connections to each, and looks for the keys in the memory of
# every process and in a core file of each server. Prints one table; the exit status is 0 only if
# all requests were served and the keys were found before and nowhere after.
#
# As root it reads the servers as an attacker with root would. Other users can do the same with
# their own processes, within the usual 8 MiB of locked memory.
#
# QUICKSTART_SECALLOC=/usr/bin/secalloc examines that command, an installed one, and builds nothing.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
source "${ROOT}/tests/servers/servers.sh"

SECALLOC="${QUICKSTART_SECALLOC:-${ROOT}/bazel-bin/preload/command/secalloc}"
REQUESTS=20
HELD=3  # connections that stay open while the processes are examined
MEMLOCK_KIB=8192
# Kind of server (as in servers.sh), kind of key, and what the table calls it.
PROGRAMS=(
  'openssl     rsa  openssl s_server, RSA key'
  'openssl     ec   openssl s_server, EC key'
  'python_fork rsa  Python ssl, forks each time'
  'redis       rsa  redis-server, TLS'
)

say() {
  printf '%s\n' "$*" >&2
}

die() {
  say "quickstart: $*"
  exit 1
}

clean_up() {
  local status=$?
  trap '' INT TERM
  rm -f "${WORK}"/*/hold
  stop_servers
  rm -rf "${WORK}"
  exit "${status}"
}

build() {
  if [[ -n "${QUICKSTART_SECALLOC:-}" ]]; then
    "${ROOT}/tools/install_deps.sh" quickstart
    return
  fi
  "${ROOT}/tools/install_deps.sh" build quickstart
  say '== Building the library and the command'
  (cd "${ROOT}" && bazel build //preload:all) ||
    die "the build failed; its messages are above. Is there room in ${HOME} for Bazel's cache?"
}

# Users other than root: their own processes, and no more locked memory than is usual.
limit_to_user() {
  local limit scope=/proc/sys/kernel/yama/ptrace_scope
  limit="$(ulimit -l)"
  if [[ "${limit}" == unlimited ]] || ((limit > MEMLOCK_KIB)); then ulimit -l "${MEMLOCK_KIB}"; fi
  say "== Not root: examining processes of user $(id -un), with $(ulimit -l) KiB of locked memory"
  [[ ! -e "${scope}" || "$(cat "${scope}")" == 0 ]] ||
    die "this kernel lets only root read other processes (${scope} is $(cat "${scope}")), so" \
      "nothing can be shown. Run this as root, or: sysctl -w kernel.yama.ptrace_scope=0"
}

# scan TARGET FILE: the scan's account in FILE. Being visible or blind is for the table to judge.
scan() {
  local status=0
  "${SECALLOC}" scan "$1" --key "${DIR}/key.pem" --json >"$2" || status=$?
  [[ "${status}" =~ ^[013]$ && -s "$2" ]] ||
    die "the scan of $1 ended with status ${status} and no account; see above"
}

# A core file as a debugger makes it, of 2 GiB at most: what it can't read or write of the process
# it only warns of, and a cut file is no core file to the scan.
scan_core() {
  (ulimit -f 2097152 && DEBUGINFOD_URLS='' exec gcore -o "${DIR}/core" "$1") \
    >"${DIR}/gcore.log" 2>&1 ||
    { cat "${DIR}/gcore.log" >&2; die "gcore made no core file of PID $1"; }
  scan "${DIR}/core.$1" "$2"
  rm "${DIR}/core.$1"
}

# examine RESULTS: the server PID and the workers it has now, with connections open.
examine() {
  local pid worker=0
  scan "${PID}" "$1/server.json"
  scan_core "${PID}" "$1/core.json"
  secret_kib "${PID}" >"$1/server.secret_kib"
  for pid in $(process_tree "${PID}" | grep -vx "${PID}"); do
    worker=$((worker + 1))
    scan "${pid}" "$1/worker${worker}.json"
    secret_kib "${pid}" >"$1/worker${worker}.secret_kib"
  done
}

# measure KIND RESULTS: one server, from its start to its end.
measure() {
  local kind="$1" results="$2" held="${HELD}"
  [[ "${kind}" != openssl ]] || held=1
  mkdir -p "${results}"
  "start_${kind}" "${DIR}" || die "the server did not start"
  tls_requests "${kind}" "${PORT}" "${REQUESTS}" "${DIR}/cert.pem" >"${results}/served" || true
  tls_hold "${kind}" "${PORT}" "${held}" "${DIR}/hold" || die "the server stopped answering"
  examine "${results}"
  rm -f "${DIR}/hold"
  stop_server "${PID}"
}

measure_all() {
  local row=0 program kind key title
  for program in "${PROGRAMS[@]}"; do
    read -r kind key title <<<"${program}"
    row=$((row + 1))
    DIR="${WORK}/${row}"
    mkdir "${DIR}"
    make_certificate "${DIR}" "${key}"
    printf '%s\n' "${title}" >"${DIR}/title"
    say "== ${title}: as it is, then under secalloc run"
    LAUNCH=()
    measure "${kind}" "${DIR}/before"
    LAUNCH=("${SECALLOC}" run --)
    measure "${kind}" "${DIR}/after"
  done
}

main() {
  (($# == 0)) || die "takes no arguments; the head of ${BASH_SOURCE[0]} says what it does"
  build
  [[ "${EUID}" == 0 ]] || limit_to_user
  unset LD_PRELOAD SECALLOC_OPTIONS SECALLOC_LIBRARY
  WORK="$(mktemp -d "${TMPDIR:-/tmp}/quickstart.XXXXXX")"
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  measure_all
  "${SERVER_PYTHON}" "${ROOT}/examples/quickstart_table.py" "${REQUESTS}" "${WORK}"/[0-9]* || {
    say '== What this machine gives for keeping secrets (secalloc doctor)'
    "${SECALLOC}" doctor >&2 || true
    return 1
  }
}

main "$@"
