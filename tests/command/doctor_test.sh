#!/usr/bin/env bash
# secalloc doctor: tells what there is, and what to do about what there isn't.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/check.sh"

test_as_it_is() {
  expect 0 '^  ok +memfd_secret +works$' "$secalloc" doctor
  expect 0 '^  (ok|limited|missing) +accounting +at (mmap|the first touch)$' "$secalloc" doctor
  expect 0 '"secret_memory":true' "$secalloc" doctor --json
  /usr/bin/python3 - "$work/output" <<'PYTHON' || fail "the JSON isn't as documented"
import json, sys
rows = {row["name"]: row for row in json.load(open(sys.argv[1]))["rows"]}
names = ["memfd_secret", "accounting", "memlock", "CAP_IPC_LOCK", "user namespace", "seccomp",
         "max_map_count", "overcommit", "swap", "hibernation", "core_pattern", "ptrace_scope",
         "library"]
assert list(rows) == names, list(rows)
for row in rows.values():
    assert row["value"] and row["meaning"], row
    assert row["state"] in ("ok", "limited", "missing"), row
    assert row["fix"] or row["state"] == "ok" or "unknown" in row["value"] or \
        row["name"] == "seccomp", row
PYTHON
}

test_sandboxes() {
  expect 1 '^  missing +memfd_secret +EPERM' "$refuse_memfd_secret" EPERM "$secalloc" doctor
  expect 1 'fix: .*seccomp' "$refuse_memfd_secret" EPERM "$secalloc" doctor
  expect 1 '^  limited +seccomp +filter' "$refuse_memfd_secret" EPERM "$secalloc" doctor
  expect 1 '^  missing +memfd_secret +ENOSYS' "$refuse_memfd_secret" ENOSYS "$secalloc" doctor
  expect 1 'killed by SIGSYS' "$refuse_memfd_secret" KILL "$secalloc" doctor
}

test_limits() {
  if [[ $(id -u) != 0 ]]; then
    echo "SKIP: machine: an unprivileged user without locked memory, which needs root to set up"
    return
  fi
  cp "$secalloc" "$work/secalloc"
  local nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  local none=("${nobody[@]}" prlimit --memlock=0:0 "$work/secalloc" doctor)
  expect 1 '^  missing +memfd_secret +(EAGAIN|EFAULT)' "${none[@]}"
  expect 1 'fix: .*LimitMEMLOCK=' "${none[@]}"
  # The soft limit is no matter: run raises it.
  expect 0 '^  limited +memlock +0 bytes soft, 8.0 MiB hard' "${nobody[@]}" \
    prlimit --memlock=0:8388608 "$work/secalloc" doctor
  expect 0 '^  ok +CAP_IPC_LOCK +no' "${nobody[@]}" \
    prlimit --memlock=8388608:8388608 "$work/secalloc" doctor
  expect 0 '^  limited +user namespace +one of a container' \
    unshare --user --map-root-user "$work/secalloc" doctor
}

test_usage() {
  expect 2 'did you mean --json' "$secalloc" doctor --jsno
  expect 0 '^Usage: secalloc doctor' "$secalloc" doctor --help
}

test_as_it_is
test_sandboxes
test_limits
test_usage
finish
