#!/usr/bin/env bash
# What a reader of all physical memory finds: /proc/kcore is the kernel's own map of it.
source tests/limits/lib.sh

NEEDLES=$WORK/needles
WITH=(env LD_PRELOAD="$LIBRARY")
LOCKED=("$REFUSE" memfd_secret ENOSYS -- "${WITH[@]}")
WAYS=(exit _exit SIGKILL)

# Holders wait for the end of a pipe that nobody writes to: until we close it.
mkfifo "$WORK/stay" "$WORK/leave"
exec 8<>"$WORK/stay" 9<>"$WORK/leave"
STAYING=()
LEAVING=()
TO_KILL=()

# hold PIPE NAME KIND END [COMMAND...]: a holder of the needle NAME, started by COMMAND; returns
# when the needle is in memory. Its process is LAST.
hold() {
  local name=$2 out=$WORK/$2.out
  holder masked "$name" >>"$NEEDLES"
  : >"$out"
  "${@:5}" holder "$3" "$name" "$4" <"$WORK/$1" 8<&- 9<&- >"$out" 2>&1 &
  LAST=$!
  until grep -qE '^holding|^skipped' "$out" || ! kill -0 "$LAST" 2>/dev/null; do sleep 0.1; done
  echo "       $name: $(grep -v '^secure_alloc: ' "$out")"
}

stay() {
  hold stay "$1" "$2" exit "${@:3}"
  STAYING+=("$LAST")
}

# leave WAY NAME KIND [COMMAND...]: one that ends_of_processes ends in this way.
leave() {
  local end=$1
  [[ $1 != SIGKILL ]] || end="exit"
  hold leave "$2_$1" "$3" "$end" "${@:4}"
  LEAVING+=("$LAST")
  [[ $1 != SIGKILL ]] || TO_KILL+=("$LAST")
}

# All at once and last, so that little of their memory is used again.
end_processes() {
  kill -KILL "${TO_KILL[@]}"
  exec 9<&-
  wait "${LEAVING[@]}" 2>/dev/null || true # the status of the killed ones
}

# serve NAME PORT [COMMAND...]: an unmodified TLS server, and one handshake.
serve() {
  "${@:3}" openssl s_server -accept "$2" -key "/keys/$1.pem" -cert "/keys/$1.crt" -quiet \
    <"$WORK/stay" 8<&- 9<&- >"$WORK/$1.out" 2>&1 &
  STAYING+=($!)
  for _ in {1..100}; do
    if openssl s_client -connect "127.0.0.1:$2" </dev/null >"$WORK/client" 2>&1; then return; fi
    sleep 0.1
  done
  cat "$WORK/$1.out" "$WORK/client"
  echo "FAILED the TLS server \"$1\" answers"
  return 1
}

# count NAME: how often it was found.
count() { sed -n "s/^$1: //p" "$OUT"; }
found() { (($(count "$1") > 0)); }
absent() { [[ $(count "$1") == 0 ]]; }
holds() { grep -qx "holding $2" "$WORK/$1.out"; }
told() { echo "       $1: found $(count "$2") times"; }

all_memory_scanned() {
  (($(count scanned) >= $(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024))
}

prepare() {
  local way
  cat /keys/masked >>"$NEEDLES"
  serve plain 4430
  serve preloaded 4431 "${WITH[@]}"
  for way in "${WAYS[@]}"; do
    leave "$way" ended_malloc malloc
    leave "$way" ended_secret secret "${WITH[@]}"
    leave "$way" ended_locked secret "${LOCKED[@]}"
  done
  stay malloc malloc
  stay mlock mlock
  stay secret secret "${WITH[@]}"
  stay freed freed "${WITH[@]}"
  stay forked forked "${WITH[@]}"
  stay promoted promoted "${WITH[@]}"
  stay promoted_in_part promoted_in_part "${WITH[@]}"
  stay locked secret "${LOCKED[@]}"
  stay locked_freed freed "${LOCKED[@]}"
}

test_controls() {
  local way
  fact "all physical memory was scanned" all_memory_scanned
  fact "control: malloc's memory is found" found malloc
  fact "control: locked and undumped memory is found" found mlock
  fact "control: a server's TLS key is found" found tls_plain_words
  for way in "${WAYS[@]}"; do
    fact "control: malloc's memory is found after $way" found "ended_malloc_$way"
  done
}

# hidden NAME
hidden() {
  fact "$1: it was secret" holds "$1" secret
  fact "$1: not found" absent "$1"
}

test_secrets() {
  local name
  for name in secret freed forked "${WAYS[@]/#/ended_secret_}"; do hidden "$name"; done
  fact "a TLS server under the library: its key is not found" absent tls_preloaded_words
  fact "... in no byte order" absent tls_preloaded_bytes
}

test_locked_fallback() {
  local way
  fact "locked fallback: it was locked" holds locked locked
  fact "locked fallback, freed: wiped" absent locked_freed
  told "locked fallback, live" locked
  for way in "${WAYS[@]}"; do told "locked fallback after $way" "ended_locked_$way"; done
}

test_promoted() {
  hidden promoted
  fact "promoted while a child has the old pages: it was secret" holds promoted_in_part secret
  fact "... and the child's are found" found promoted_in_part
}

# Where the limit is charged at the fault, it binds root, and all its processes together.
ulimit -l unlimited
prepare
end_processes
run kcore_scan "$NEEDLES"
cat "$OUT"
test_controls
test_secrets
test_locked_fallback
test_promoted
kill "${STAYING[@]}" 2>/dev/null || true # the one that was skipped has gone
summary
