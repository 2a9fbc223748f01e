#!/usr/bin/env bash
# What every program's test shares. A test is called SCRIPT LIBRARY OPTIONS [...] and begins with
#   source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# LIBRARY is what is preloaded, OPTIONS the value of SECALLOC_OPTIONS (empty: not set).
# tests/servers/test.sh has need, skip, fail and what is cleaned up; here are
#
#   preloaded COMMAND...         runs it under the library
#   expect_same WHAT COMMAND...  runs it plain and preloaded, each in an empty directory of the
#                                same name: status (0), stdout, stderr and files must be the same
#   expect_same_service START EXERCISE [EXAMINE]
#                                the same for a server of tests/servers; see there
#   expect_mapped PID            the process has the library mapped
#   expect_secret_pages PID      the process holds secret pages

source "$(dirname "${BASH_SOURCE[0]}")/../servers/test.sh"

# A copy of the library that every user can read (a build tree below /root is closed to the
# user postgres), the environment that preloads it, and an environment without surprises.
set_up() {
  local library="${1:?usage: SCRIPT LIBRARY OPTIONS}" options="${2-}"
  unset LD_PRELOAD SECALLOC_OPTIONS GIT_SSL_CAINFO CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR \
    NODE_EXTRA_CA_CERTS NODE_OPTIONS http_proxy https_proxy HTTPS_PROXY ALL_PROXY
  export LC_ALL=C HOME="${WORK}/home" TZ=UTC
  mkdir "${HOME}"
  LIBRARY="${WORK}/$(basename "${library}")"
  install -m 0755 "${library}" "${LIBRARY}"
  local behind=""
  [[ "${options}" != *ordinary=jemalloc* ]] || behind=":libjemalloc.so.2"
  PRELOAD=(env "LD_PRELOAD=${LIBRARY}${behind}" ${options:+"SECALLOC_OPTIONS=${options}"})
  if [[ "${options}" == *scope=all* ]]; then
    lift_memlock ||
      skip "machine: ${options}: memlock is $(ulimit -l) KiB and can't be raised; run as root"
  fi
  preloaded grep -qF "${LIBRARY}" /proc/self/maps ||
    { fail "${library} cannot be preloaded at all"; exit 1; }
  [[ -z "${behind}" ]] || preloaded grep -qF "${behind#:}" /proc/self/maps ||
    skip "no ${behind#:} here; apt-get install libjemalloc2"
  [[ "${options}" != *scope=all* ]] || ! kernel_has_secrets ||
    preloaded grep -q '/secretmem (deleted)$' /proc/self/maps ||
    fail "${options}: a program has no secret memory"
}

# Some containers' roots may not raise the limit, but are exempt from it by CAP_IPC_LOCK.
lift_memlock() {
  ulimit -l unlimited 2>/dev/null && return 0
  (($(awk '$1 == "CapEff:" { print "0x" $2 }' /proc/self/status) >> 14 & 1)) || return 1
  SERVERS_KEEP_IPC_LOCK=1
}

preloaded() {
  "${PRELOAD[@]}" "$@"
}

# run_fresh AS COMMAND...: keeps what it did in ${WORK}/AS; the directory it runs in has one name.
run_fresh() {
  local as="$1" status=0
  shift
  rm -rf "${WORK:?}/run" "${WORK:?}/${as}"
  mkdir -p "${WORK}/run/files"
  (cd "${WORK}/run/files" && exec "$@") </dev/null >"${WORK}/run/stdout" \
    2>"${WORK}/run/stderr" || status=$?
  echo "${status}" >"${WORK}/run/status"
  mv "${WORK}/run" "${WORK}/${as}"
}

expect_same() {
  local what="$1"
  shift
  run_fresh plain "$@"
  if [[ "$(cat "${WORK}/plain/status")" != 0 ]]; then
    tail -n 20 "${WORK}/plain/stderr" >&2
    fail "${what}: it fails without the library too, so nothing can be compared"
    return 0
  fi
  run_fresh preloaded "${PRELOAD[@]}" "$@"
  expect_same_files "${what}" "${WORK}/plain" "${WORK}/preloaded"
}

expect_same_files() {
  diff -r --no-dereference "$2" "$3" >"${WORK}/difference" 2>&1 && return 0
  head -c 4000 "${WORK}/difference" >&2
  fail "$1: not the same without (<) and with (>) the library; the difference is above"
}

expect_mapped() {
  grep -qsF "${LIBRARY}" "/proc/$1/maps" || has_ended "$1" ||
    fail "PID $1 ($(describe "$1")) has no ${LIBRARY}"
}

# Since it was listed: what is left of a process until it is waited for has no mappings.
has_ended() {
  local maps
  [[ -e "/proc/$1" ]] || return 0
  maps="$(cat "/proc/$1/maps")" && [[ -z "${maps}" ]]
}

describe() {
  tr -s '\0 ' ' ' 2>/dev/null <"/proc/$1/cmdline" | cut -c 1-100
}

# Can this kernel give secret memory? 447 is memfd_secret on every architecture but alpha.
kernel_has_secrets() {
  perl -e 'exit(syscall(447, 0) < 0)'
}

expect_secret_pages() {
  local kib
  if kernel_has_secrets; then
    kib="$(secret_kib "$1")" || kib=0
  else
    kib="$(awk '$1 == "VmLck:" { print $2 }' "/proc/$1/status")" || kib=0
  fi
  ((kib > 0)) || has_ended "$1" || fail "PID $1 ($(describe "$1")) holds no secret page"
}

# Every process of a server, its forked workers too.
expect_all_mapped() {
  local pid
  for pid in $(process_tree "$1"); do expect_mapped "${pid}"; done
}

expect_all_secret() {
  local pid
  for pid in $(process_tree "$1"); do expect_secret_pages "${pid}"; done
}

# The server runs twice, plain and preloaded, each time in a directory of its own. EXERCISE DIR
# (PID, PORT and LAUNCH are set: clients of the second run are to be preloaded by LAUNCH too)
# runs in a subshell under set -e and prints what must be the same in both; EXAMINE DIR looks at
# the preloaded server before its end.
expect_same_service() {
  local start="$1" exercise="$2" examine="${3:-true}"
  LAUNCH=()
  serve_once "${start}" "${exercise}" true plain
  LAUNCH=("${PRELOAD[@]}")
  serve_once "${start}" "${exercise}" "${examine}" preloaded
  expect_same_files "${start}" "${WORK}/plain.answers" "${WORK}/preloaded.answers"
}

serve_once() {
  local start="$1" exercise="$2" examine="$3" as="$4" dir="${WORK}/$4.d" pid status
  mkdir "${dir}"
  chmod 0711 "${dir}"
  [[ -e "${WORK}/key.pem" ]] || make_certificate "${WORK}"
  cp "${WORK}/key.pem" "${WORK}/cert.pem" "${dir}/"
  "${start}" "${dir}" || { fail "${as}: ${start} failed"; exit 1; }
  pid="${PID}"
  set +e
  (set -e; "${exercise}" "${dir}") >"${WORK}/${as}.answers"
  status=$?
  set -e
  ((status == 0)) || fail "${as}: ${exercise} ended with status ${status}"
  ! has_ended "${pid}" || fail "${as}: the server ended by itself: nothing is left to examine"
  [[ "${as}" != preloaded ]] || expect_all_mapped "${pid}"
  "${examine}" "${dir}"
  rm -f "${dir}/hold"
  stop_server "${pid}"
  echo "status ${STOP_STATUS}" >>"${WORK}/${as}.answers"
  expect_quiet "${dir}"/*.log
}

# Servers replace a worker that crashed and go on serving, so only their logs tell.
expect_quiet() {
  ! grep -HE 'signal (4|6|7|8|11)\b|BY SIGNAL|wait status' "$@" >&2 || fail "a process crashed"
  expect_no_lines "$@"
}

# Programs that nothing is wrong with give the library nothing to say.
expect_no_lines() {
  ! grep -H 'secure_alloc: ' "$@" >&2 || fail "the library wrote the lines above"
}

set_up "$@"
