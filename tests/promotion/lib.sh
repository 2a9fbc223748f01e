# For the tests of promotion in real programs: sourced with the paths of the secalloc command, the
# API library and the preload library as arguments.
# shellcheck shell=bash
set -euo pipefail
secalloc="$(realpath "$1")"
api="$(realpath "$2")"
preload="$(realpath "$3")"
source "$(dirname "${BASH_SOURCE[0]}")/../servers/servers.sh"

work="$(mktemp -d /tmp/promotion-test.XXXXXX)"
failures=0
unset LD_PRELOAD SECALLOC_OPTIONS

clean_up() {
  stop_servers
  rm -rf "${work}"
}
trap clean_up EXIT

# check SENTENCE COMMAND...: the command succeeds.
check() {
  local sentence="$1"
  shift
  if "$@" >"${work}/output" 2>&1; then
    printf 'ok     %s\n' "${sentence}"
  else
    printf 'FAILED %s\n' "${sentence}"
    cat "${work}/output"
    failures=$((failures + 1))
  fi
}

# Scans have an exit status for each answer; a blind one is neither.
is_visible() {
  local status=0
  "${secalloc}" scan "$@" || status=$?
  ((status == 1))
}

is_hidden() {
  "${secalloc}" scan "$@"
}

finish() {
  exit $((failures > 0))
}
