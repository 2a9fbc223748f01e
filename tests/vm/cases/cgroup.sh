#!/usr/bin/env bash
# A memory cgroup (v2) with a small memory.max: its OOM killer ends who touches a page too many, of
# secret memory as of other.
source tests/limits/lib.sh

CGROUP=/sys/fs/cgroup/secrets

make_cgroup() {
  echo +memory >/sys/fs/cgroup/cgroup.subtree_control
  mkdir "$CGROUP"
}

# in_cgroup LIMIT OPTIONS COMMAND...: all of it in the cgroup, from the first page on.
in_cgroup() {
  numfmt --from=iec "$1" >"$CGROUP/memory.max"
  OOM_BEFORE=$(oom_kills)
  # shellcheck disable=SC2016  # The inner shell's $$.
  run bash -c 'echo $$ >"$0/cgroup.procs"; exec env "$@"' "$CGROUP" \
    LD_PRELOAD="$LIBRARY" SECALLOC_OPTIONS="stats=json:$STATS,$2" "${@:3}"
  printf '       memory.max %s, %s: %d killed\n' "$1" "$2" $(($(oom_kills) - OOM_BEFORE))
  [[ ! -e $STATS ]] || # a killed process leaves none
    printf '       budget %s, high water %s\n' "$(figure budget_bytes)" "$(figure high_water_bytes)"
  sed 's/^/       /' "$OUT"
}

oom_kills() { sed -n 's/^oom_kill //p' "$CGROUP/memory.events"; }
nobody_killed() { [[ $(oom_kills) == "$OOM_BEFORE" ]]; }

test_fitting() {
  in_cgroup 64M fallback=locked "$PROBE" secret 4000 1000 forks 3 secret 4000 100
  fact "4 MiB of secrets and a child's copy fit into 64 MiB: nobody is killed" nobody_killed
  fact "... all of them are had" printed 'secret 4000: 1000 of 1000, secret$'
  fact "... and by every child" printed_lines 3 'fork: exit 0'
  in_cgroup 64M fallback=locked "$PROBE" secret 300000 10 free secret 100 20000
  fact "large and small secrets that fit: nobody is killed" nobody_killed
  fact "... all of them are had" printed 'secret 100: 20000 of 20000, secret$'
}

# More than there is: the kernel would not refuse a page, it would kill. The default budget stays
# below.
test_beyond() {
  local limit
  for limit in 16M 8M; do
    in_cgroup "$limit" fallback=locked "$PROBE" secret 4000 6000
    fact "24 MiB of secrets, memory.max $limit: nobody is killed" nobody_killed
    fact "... some are had, and the others refused" \
      printed 'secret 4000: [1-9][0-9]* of 6000, secret ENOMEM$'
  done
  in_cgroup 8M fallback=locked "$PROBE" secret 4000 1000 fork secret 8 1
  fact "4 MiB of secrets and a fork, memory.max 8M: nobody is killed" nobody_killed
}

ulimit -l unlimited # the cgroup alone is to bind
make_cgroup
test_fitting
test_beyond
summary
