#!/usr/bin/env bash
# Proves entries of the default list of modules on programs of the distribution. A test is called
# SCRIPT SECALLOC DEFAULT_MODULES and begins with
#   source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# It says how its program is started, used and what is secret there:
#
#   start DIR    starts it with the key and certificate in DIR, as start_NAME of tests/servers does
#   use DIR      makes it use the key, and leaves it as it is to be scanned (a connection open)
#   SECRETS=()   what `secalloc scan` is to look for, with @DIR@ for DIR; default: the key
#   COMPANY=()   modules to list beside the default ones: the program's own, if it keeps keys
#
# and then states facts:
#
#   prove KIND [ENTRY...]    with a KIND (rsa, ec) of key: without the library a scan finds parts of
#                            it in the program's processes; under `secalloc run` it finds none and
#                            is not blind; without the ENTRY in the list it finds some again
#   prove_busy ENTRY         an entry for what lives only as long as an operation: the program is
#                            frozen again and again while `busy DIR` keeps it at work, and ends
#                            when it no longer works; what is on its stack alone is no matter of
#                            an allocator
#   prove_listed KIND GLOB   for a program whose modules are not in the default list: nothing is
#                            found with GLOB as the only one
#
# One line for each run says what was found and how much secret memory the processes have.
# tests/servers/test.sh has need, fail and what is cleaned up.

source "$(dirname "${BASH_SOURCE[0]}")/../servers/test.sh"

SECALLOC="$(realpath "$1")"
DEFAULT_MODULES="$("$2")"
SECRETS=(--key @DIR@/key.pem)
COMPANY=()
COUNT=parts_found
FREEZES=40        # each finds nothing
FREEZES_MOST=400  # until one finds something
unset LD_PRELOAD SECALLOC_OPTIONS SECALLOC_LIBRARY

expect_listed() {
  [[ ":${DEFAULT_MODULES}:" == *":$1:"* ]] || fail "$1 is not in the default list of modules"
}

# The default list, and COMPANY, but for one entry.
list_without() {
  local list=":${DEFAULT_MODULES}:" entry
  list="${list/":$1:"/:}"
  for entry in ${COMPANY[@]+"${COMPANY[@]}"}; do list+="${entry}:"; done
  list="${list#:}"
  printf '%s\n' "${list%:}"
}

# run_with MODULES KIND: starts the program; plain if MODULES is empty. Sets DIR and SERVER.
run_with() {
  DIR="${WORK}/run"
  rm -rf "${DIR}"
  mkdir "${DIR}"
  [[ -e "${WORK}/$2" ]] || { mkdir "${WORK}/$2"; make_certificate "${WORK}/$2" "$2"; }
  cp "${WORK}/$2/key.pem" "${WORK}/$2/cert.pem" "${DIR}/"
  LAUNCH=()
  [[ -z "$1" ]] || LAUNCH=("${SECALLOC}" run "--modules=$1" --)
  start "${DIR}" || { fail "the program did not start"; exit 1; }
  SERVER="${PID}"
}

end_run() {
  rm -f "${DIR}/hold"
  stop_server "${SERVER}"
}

# scan_all: key parts found in the program's processes, in FOUND; secret memory of all, in
# SECRET_KIB.
scan_all() {
  local pid pids status
  FOUND=0 SECRET_KIB=0
  pids="$(process_tree "${SERVER}")"
  [[ -n "${pids}" ]] || fail "the program has ended: there is nothing to scan"
  for pid in ${pids}; do
    status=0
    "${SECALLOC}" scan "${pid}" --json "${SECRETS[@]//@DIR@/${DIR}}" >"${WORK}/scan.json" ||
      status=$?
    case "${status}" in
      0) ;;
      1) FOUND=$((FOUND + $("${COUNT}"))) ;;
      *) fail "the scan of PID ${pid} is blind or failed (status ${status})" ;;
    esac
    grep -q '"control_found": *true' "${WORK}/scan.json" || fail "PID ${pid}: no control found"
    SECRET_KIB=$((SECRET_KIB + $(secret_kib "${pid}")))
  done
}

parts_found() {
  sed -n 's/.*"key_parts_found": *\([0-9]*\).*/\1/p' "${WORK}/scan.json"
}

# Without those that are on the stack alone, where a program that is frozen while it computes with
# a number may have a few words of it, as in its registers.
parts_found_off_the_stack() {
  local on_stack='"mappings": *{"\[stack\]": *[0-9]*}' places
  places="$(grep -o '"mappings": *{[^}]*}' "${WORK}/scan.json")"
  grep -c -v -x "${on_stack}" <<<"${places}" || true
}

# expect_found hidden|visible WHAT MODULES KIND
expect_found() {
  run_with "$3" "$4"
  use "${DIR}" || fail "$2: the program does not serve"
  scan_all
  end_run
  report "$1" "$2"
}

report() {
  printf '%-44s found %2d, secret KiB %4d\n' "$2" "${FOUND}" "${SECRET_KIB}"
  case "$1" in
    hidden)
      ((FOUND == 0)) || fail "$2: parts of the key are found"
      ((SECRET_KIB > 0)) || fail "$2: there is no secret memory, so this proves nothing"
      ;;
    visible) ((FOUND > 0)) || fail "$2: nothing is found, so this proves nothing" ;;
  esac
}

prove() {
  local kind="$1" entry
  expect_found visible "${kind}, as it is" "" "${kind}"
  expect_found hidden "${kind}, default list ${COMPANY[*]-}" "$(list_without '')" "${kind}"
  for entry in "${@:2}"; do
    expect_listed "${entry}"
    expect_found visible "${kind}, without ${entry}" "$(list_without "${entry}")" "${kind}"
  done
  for entry in ${COMPANY[@]+"${COMPANY[@]}"}; do
    expect_found visible "${kind}, without ${entry}" "${DEFAULT_MODULES}" "${kind}"
  done
}

prove_listed() {
  expect_found visible "$1, as it is" "" "$1"
  expect_found visible "$1, default list" "${DEFAULT_MODULES}" "$1"
  expect_found hidden "$1, modules=$2" "$2" "$1"
}

# freeze_until_found MOST: scans at random moments until something is found.
freeze_until_found() {
  local i
  for ((i = 0; i < $1; i++)); do
    sleep "0.0$((RANDOM % 40 + 10))"
    kill -STOP "${SERVER}"
    scan_all
    kill -CONT "${SERVER}"
    ((FOUND == 0)) || break
  done
}

# expect_frozen hidden|visible WHAT MODULES MOST
expect_frozen() {
  local worker
  run_with "$3" rsa
  busy "${DIR}" &
  worker=$!
  freeze_until_found "$4"
  kill "${worker}" || fail "$2: the program did not stay at work"
  wait "${worker}" || true # by the signal
  end_run
  report "$1" "$2"
}

prove_busy() {
  local COUNT=parts_found_off_the_stack
  expect_listed "$1"
  expect_frozen hidden "busy, default list" "$(list_without '')" "${FREEZES}"
  expect_frozen visible "busy, without $1" "$(list_without "$1")" "${FREEZES_MOST}"
}

# A server that speaks TLS as tls_client.py's NAME: requests, and one connection that stays open.
# Then DIR/secrets has this session's master secret.
use_tls() {
  [[ "$(tls_requests "$1" "${PORT}" 5 "$2/cert.pem")" == 5 ]] || return 1
  tls_hold "$1" "${PORT}" 1 "$2/hold" "$2/secrets"
}
