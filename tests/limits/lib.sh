# shellcheck shell=bash
# What the shell tests of limits share. Source it; $1 to $3 are the files of BUILD's
# `PROBES`. A test runs programs by `run`, states facts by `fact`, ends with `summary`.
#
#   run unprivileged 8M under fallback=none "$PROBE" secret 100 1
#   fact "eight bytes can be had" printed 'secret 8: 1 of 1, secret'

set -euo pipefail

WORK=$(mktemp -d "/tmp/secure_alloc-limits.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
# Where every user can read them; bazel's own directories are private.
chmod 0755 "$WORK"
cp -L "$1" "$2" "$3" "$WORK/"
LIBRARY=$WORK/$(basename "$1")
PROBE=$WORK/$(basename "$2")
REFUSE=$WORK/$(basename "$3")
chmod 0755 "$LIBRARY" "$PROBE" "$REFUSE"
OUT=$WORK/out
ERR=$WORK/err
STATS=$WORK/stats/json
mkdir -m 0777 "$WORK/stats"
STATUS=0
FACTS=0
BROKEN=0

# skip REASON: nothing more can be tested here. What was tested before counts.
skip() {
  echo "SKIP: machine: $1"
  exit $((BROKEN > 0))
}

# need PROGRAM PACKAGE: what tests/run.sh installs is no reason that it accepts.
need() {
  command -v "$1" >/dev/null || {
    echo "SKIP: no $1 here; apt-get install $2"
    exit $((BROKEN > 0))
  }
}

need_root() {
  [[ $(id -u) == 0 ]] || skip "$1 needs root"
}

# under OPTIONS COMMAND...: with the library and these options. A program, for others to run.
cat >"$WORK/under" <<END
#!/bin/sh
options=stats=json:$STATS,\$1
shift
exec env LD_PRELOAD=$LIBRARY SECALLOC_OPTIONS="\$options" "\$@"
END
chmod 0755 "$WORK/under"
PATH=$WORK:$PATH

# with_memlock MEMLOCK COMMAND...
with_memlock() {
  local bytes
  bytes=$(numfmt --from=iec "$1")
  prlimit --memlock="$bytes:$bytes" -- "${@:2}"
}

# unprivileged MEMLOCK COMMAND...: as a user without privileges.
unprivileged() {
  with_memlock "$1" setpriv --reuid=65534 --regid=65534 --clear-groups "${@:2}"
}

# as_root MEMLOCK COMMAND...: some kernels exempt root from the limit, others don't.
as_root() {
  with_memlock "$@"
}

# refusing SYSCALL ERRNO OPTIONS COMMAND...
refusing() {
  "$REFUSE" "$1" "$2" -- under "${@:3}"
}

# run COMMAND...: what it prints goes to OUT and ERR, its exit status to STATUS.
run() {
  rm -f "$STATS"
  STATUS=0
  "$@" >"$OUT" 2>"$ERR" || STATUS=$?
}

# fact SENTENCE COMMAND...: the sentence holds if the command succeeds.
fact() {
  FACTS=$((FACTS + 1))
  if "${@:2}"; then
    echo "ok     $1"
    return
  fi
  BROKEN=$((BROKEN + 1))
  echo "FAILED $1 (${*:2})"
  echo "       the program's exit status: $STATUS"
  sed -n '1,5s/^/       out: /p' "$OUT"
  sed -n '1,5s/^/       err: /p' "$ERR"
}

succeeded() { [[ $STATUS == 0 ]]; }
# By itself: not by a signal, which the shell shows as 128 and more.
failed_orderly() { ((STATUS > 0 && STATUS < 126)); }
no_crash() { ((STATUS < 126)); }
printed() { grep -q -- "$1" "$OUT"; }
printed_lines() { [[ $(grep -c -- "$2" "$OUT") == "$1" ]]; }
silent() { [[ ! -s $ERR ]]; }
# Exactly one line of the library, which says this.
said_once() {
  [[ $(grep -c '^secure_alloc: ' "$ERR") == 1 ]] && grep -q "^secure_alloc: .*$1" "$ERR"
}
is_empty() { [[ -e $1 && ! -s $1 ]]; }
# figure NAME: of the statistics that the program wrote at its end.
figure() { sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" "$STATS"; }
# figure_is NAME OPERATOR NUMBER, operators as test(1) has them.
figure_is() { test "$(figure "$1")" "$2" "$3"; }
# status_is FIELD OPERATOR KIB, of what the probe printed.
status_is() { test "$(sed -n "s/^$1 //p" "$OUT")" "$2" "$3"; }

summary() {
  echo "$FACTS facts, $BROKEN failed"
  ((FACTS > 0 && BROKEN == 0))
}
