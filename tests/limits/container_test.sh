#!/usr/bin/env bash
# Containers, as docs/containers.md describes them: the system calls that Docker's default profile
# refuses, a user namespace, no new privileges, the limit that is passed.
source tests/limits/lib.sh

# Of the calls that the profile doesn't allow, those that a malloc, a crypto library or a shell
# might make. clone3 is ENOSYS there, so that libc falls back to clone.
REFUSED=(add_key bpf get_mempolicy kcmp keyctl kexec_load mbind mount move_pages perf_event_open
  pidfd_getfd process_madvise request_key set_mempolicy setns swapon umount2 unshare userfaultfd)

# in_container COMMAND...: under such a filter, without new privileges.
in_container() {
  local call filters=("$REFUSE" clone3 ENOSYS --)
  for call in "${REFUSED[@]}"; do filters+=("$REFUSE" "$call" EPERM --); done
  setpriv --no-new-privs "${filters[@]}" "$@"
}

# rootless MEMLOCK COMMAND...: the same, in a user namespace that an ordinary user made. Root of it
# is not free of the limit.
rootless() {
  unprivileged "$1" unshare --user --map-root-user --pid --fork --mount -- \
    "$REFUSE" clone3 ENOSYS -- "${@:2}"
}

test_profile() {
  run in_container under fallback=none "$PROBE" secret 100 200 fork intact secret 100 1
  fact "default profile: secrets are secret" printed 'secret 100: 200 of 200, secret'
  fact "default profile: a child has its copy" printed 'fork: exit 0'
  fact "default profile: nothing to say" silent

  run in_container under "" openssl genrsa -out /dev/null 2048
  fact "default profile: openssl makes a key" succeeded
  fact "default profile: in secret memory" figure_is high_water_bytes -gt 0
  fact "default profile: not less than that" figure_is degraded_arenas -eq 0

  run in_container "$REFUSE" memfd_secret EPERM -- under "" \
    "$PROBE" secret 100 200 fork intact secret 100 1
  fact "a profile without memfd_secret: secrets are locked" \
    printed 'secret 100: 200 of 200, locked'
  fact "a profile without memfd_secret: said once" said_once memfd_secret
}

test_rootless() {
  run rootless 8M true
  succeeded || skip "no user namespaces for ordinary users: $(head -1 "$ERR")"
  run rootless 8M under fallback=none "$PROBE" secret 100 200 fork intact secret 100 1
  fact "rootless: secrets are secret" printed 'secret 100: 200 of 200, secret'
  fact "rootless: a child has its copy" printed 'fork: exit 0'
  fact "rootless: half of the limit is the budget" figure_is budget_bytes -eq $((4 << 20))
  run rootless 8M under fallback=none "$PROBE" secret 100000 20
  fact "rootless: two megabytes fit" printed 'secret 100000: 20 of 20, secret'
  run rootless 2M under fallback=none "$PROBE" secret 100000 20
  fact "rootless, a lower limit passed: they don't" \
    printed 'secret 100000: [1-9] of 20, secret ENOMEM'
}

test_profile
test_rootless
summary
