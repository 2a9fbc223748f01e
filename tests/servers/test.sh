#!/usr/bin/env bash
# What tests of real programs share. Source this file; it brings servers.sh.
#
#   need PROGRAM PACKAGE  skips the test when the program is not installed
#   skip REASON           ends the test with a line that begins "SKIP: ". For tests/run.sh that is a
#                         failure, unless REASON begins "kernel: " or "machine: "
#   fail MESSAGE          notes a failure and goes on; the test's status is 1 in the end
#
# WORK is a temporary directory that goes away at the end, with all servers; other users can reach
# what lies in it, but not list it.

set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/servers.sh"

FAILURES=0
WORK="$(mktemp -d "/tmp/$(basename "$0" .sh).XXXXXX")"
chmod 0711 "${WORK}"

clean_up() {
  local status=$?
  rm -f "${WORK}"/*/hold
  stop_servers
  cd /
  rm -rf "${WORK}"
  ((status != 0 || FAILURES == 0)) || status=1
  exit "${status}"
}
trap clean_up EXIT

skip() {
  printf 'SKIP: %s\n' "$*"
  exit 0
}

need() {
  command -v "$1" >/dev/null || skip "no $1 here; apt-get install $2"
}

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  FAILURES=$((FAILURES + 1))
}
