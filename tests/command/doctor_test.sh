#!/usr/bin/env bash
# secalloc doctor: tells what there is, and what to do about what there isn't.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/check.sh"

cp "$secalloc" "$work/secalloc"  # Where other users can run it.
cp "$refuse" "$work/refuse"
cp "$marker" "$work/marker.so"
export SECALLOC_LIBRARY=$work/marker.so

doctor() { "$work/secalloc" doctor "$@"; }
nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
# refusing SYSCALL ENOSYS|EPERM|KILL [OPTIONS]: the doctor in such a sandbox.
refusing() { "$work/refuse" "$1" "$2" -- "$work/secalloc" doctor "${@:3}"; }
nobody_refusing() { nobody "$work/refuse" "$1" "$2" -- "$work/secalloc" doctor; }
# limited BYTES[:BYTES] [OPTIONS]: without privileges, with that much memory to lock.
limited() { nobody prlimit --memlock="$1" "$work/secalloc" doctor "${@:2}"; }

check_json() {
  /usr/bin/python3 - "$work/output" docs/doctor.md <<'PYTHON' || fail "the JSON isn't as documented"
import json, sys
report = json.load(open(sys.argv[1]))
assert list(report) == ["kernel", "secret_memory", "all_kept", "promises", "machine"], list(report)
names = [row["name"] for part in ("promises", "machine") for row in report[part]]
documented = [line.split(" | ")[0][2:] for line in open(sys.argv[2]) if line.startswith("| ")]
assert names == [name for name in documented if name != "name"], names
for row in report["promises"] + report["machine"]:
    assert list(row) == ["name", "state", "value", "meaning", "fix"], row
    assert row["value"] and row["meaning"], row
    assert row["state"] in ("ok", "limited", "missing"), row
    assert row["fix"] or row["state"] == "ok" or row["name"] == "seccomp", row
kept = all(row["state"] != "missing" for row in report["promises"])
assert report["all_kept"] == kept
assert report["secret_memory"] == (report["promises"][0]["state"] == "ok")
PYTHON
}

test_as_it_is() {
  expect 0 '^  ok +secret_memory +memfd_secret works$' doctor
  expect 0 '^  ok +accounting +at (mmap|the first touch)$' doctor
  expect 0 '^  ok +memlock_scope +(process|user)$' doctor
  expect 0 '^Every promise can be kept here\.$' doctor
  expect 0 '"secret_memory":true' doctor --json
  check_json
}

test_sandboxes() {
  local error
  for error in EPERM ENOSYS; do
    expect 1 "^  missing +secret_memory +memfd_secret: $error" refusing memfd_secret "$error"
    expect 0 "^  limited +lockdown +mseal $error" refusing 462 "$error"
    expect 1 "^  missing +fork_copies +mremap: $error" refusing mremap "$error"
    expect 0 "^  limited +lockdown +mseal works, seccomp $error" refusing seccomp "$error"
    expect 1 "^  missing +reservations +a limit of 0 could not" refusing capset "$error"
  done
  expect 1 'fix: .*seccomp' refusing memfd_secret EPERM
  expect 1 '^  limited +seccomp +filter' refusing memfd_secret EPERM
  expect 1 '^  limited +core_dumps ' refusing memfd_secret EPERM
  expect 1 '"all_kept":false' refusing memfd_secret EPERM --json
  check_json
  expect 1 'missing +secret_memory .* killed by SIGSYS' refusing memfd_secret KILL
  expect 0 'limited +lockdown .* killed by SIGSYS' refusing 462 KILL
  expect 1 'missing +locked_fallback .* killed by SIGSYS' refusing mlock KILL
}

# By the call or, for those who may open it, by the device: root has both.
test_promotion() {
  if [[ $(cat /proc/sys/vm/unprivileged_userfaultfd) == 0 ]]; then
    expect 0 '^  limited +promotion +.*: loads and stores can wait' limited 8388608
    expect 0 'fix: .*sysctl -w vm.unprivileged_userfaultfd=1' limited 8388608
  fi
  expect 1 '^  missing +promotion +userfaultfd: EPERM' nobody_refusing userfaultfd EPERM
  expect 1 '^  missing +promotion +userfaultfd: ENOSYS' nobody_refusing userfaultfd ENOSYS
  expect 1 '^  missing +promotion .* killed by SIGSYS' nobody_refusing userfaultfd KILL
}

test_limits() {
  expect 1 '^  missing +secret_memory +memfd_secret: (EAGAIN|EFAULT)' limited 0:0
  expect 1 '^  missing +locked_fallback +(EPERM|ENOMEM)' limited 0:0
  expect 1 'fix: .*(--ulimit memlock=268435456|LimitMEMLOCK=256M)' limited 0:0
  # The soft limit is no matter: run raises it.
  expect 0 '^  limited +memlock +0 bytes soft, 8.0 MiB hard' limited 0:8388608
  expect 0 '^  ok +ipc_lock +no' limited 8388608
  expect 0 '^  limited +user_namespace +one of a container' \
    unshare --user --map-root-user "$work/secalloc" doctor
}

# in_cgroup FOLDER [OPTIONS]: the doctor as a member of it.
in_cgroup() {
  bash -c 'echo $$ >"$1/cgroup.procs" && exec "${@:2}"' - "$1" "$work/secalloc" doctor "${@:2}"
}

test_cgroup() {
  local parent folder="" limit
  for parent in /sys/fs/cgroup/memory /sys/fs/cgroup; do
    folder=$parent/secalloc-doctor-$$
    if [[ -f $parent/cgroup.procs ]] && mkdir "$folder" 2>/dev/null; then break; fi
    folder=""
  done
  limit=$folder/memory.max
  [[ -e $limit ]] || limit=$folder/memory.limit_in_bytes
  if [[ -z $folder ]] || ! echo 67108864 >"$limit"; then
    echo "SKIP: machine: a memory cgroup of one's own, which this user can't make here"
  else
    expect 0 '^  ok +cgroup +version [12], 64.0 MiB' in_cgroup "$folder"
    expect 0 '^  ok +reservations ' in_cgroup "$folder"
    expect 0 '^  limited +reservations ' in_cgroup "$folder" --secrets=9M
  fi
  if [[ -n $folder ]]; then rmdir "$folder"; fi
}

# A container without /proc: what can be tried is.
test_without_proc() {
  expect 1 '^  ok +secret_memory ' unshare --mount bash -c \
    "mount -t tmpfs none /proc && exec '$work/secalloc' doctor"
  expect 1 '^  missing +statistics ' unshare --mount bash -c \
    "mount -t tmpfs none /proc && exec '$work/secalloc' doctor"
}

test_workers() {
  expect 0 'memlock needed = .*= 4\.0 MiB' doctor
  expect 0 'memlock needed = .*MiB' doctor --workers=16 --secrets=16M
}

test_workers_within_a_limit() {
  expect 0 '^  limited +fork_copies +16 workers of 160.0 MiB' limited 8388608 --workers 16 \
    --secrets=160M
  expect 0 '(memlock|LimitMEMLOCK)=(335544320|320M|2720M)' limited 8388608 --workers 16 \
    --secrets=160M
}

test_usage() {
  expect 2 'did you mean --json' doctor --jsno
  expect 2 'did you mean --workers' doctor --worker=3
  expect 2 'give a number' doctor --workers=many
  expect 2 'give bytes' doctor --secrets=0
  expect 2 'needs a value' doctor --secrets
  expect 2 'unexpected word now' doctor now
  expect 0 '^Usage: secalloc doctor' doctor --help
  expect 0 '^Exit status: 0 .*, 1 .*, 2 ' doctor --help
}

test_as_it_is
test_sandboxes
test_workers
if [[ $(id -u) == 0 ]]; then
  test_promotion
  test_limits
  test_cgroup
  test_without_proc
  test_workers_within_a_limit
else
  echo "SKIP: machine: an unprivileged user and his limits, which need root to set up"
fi
test_usage
finish
