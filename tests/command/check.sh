# For the tests of the secalloc command: sourced with the tools' paths as arguments.
# shellcheck shell=bash
secalloc=$(realpath "$1")
key_holder=$(realpath "$2")
refuse=$(realpath "$3")
marker=$(realpath "$4")
export secalloc key_holder refuse marker

# Not in TEST_TMPDIR: other users must reach it.
work=$(mktemp -d /tmp/secalloc.XXXXXX)
chmod 755 "$work"
children=()
failures=0
patience=120  # seconds; other work may leave little of the machine
unset LD_PRELOAD SECALLOC_OPTIONS SECALLOC_LIBRARY

clean_up() {
  local child
  for child in "${children[@]}"; do kill -9 "$child" 2>/dev/null || true; done
  rm -rf "$work"
}
trap clean_up EXIT

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# expect CODE PATTERN COMMAND...: its exit code, and a line of its output (extended regexp).
expect() {
  local code=$1 pattern=$2 got=0
  shift 2
  "$@" >"$work/output" 2>&1 </dev/null || got=$?
  if [[ $got != "$code" ]]; then
    fail "exit $got instead of $code: $*"
    cat "$work/output"
  elif ! grep -qE -- "$pattern" "$work/output"; then
    fail "no line matches '$pattern': $*"
    cat "$work/output"
  else
    echo "ok: exit $code, '$pattern': ${*##*/}"
  fi
}

# hold NAME PATTERN COMMAND...: starts it, waits for PATTERN in its output; its PID in $held.
hold() {
  local name=$1 pattern=$2 end=$((SECONDS + patience))
  shift 2
  : >"$work/$name.out"  # Of an earlier one of that name: the child empties it late.
  "$@" >"$work/$name.out" 2>&1 </dev/null &
  held=$!
  disown  # So that the shell is silent about its end.
  children+=("$held")
  while ((SECONDS < end)); do
    if grep -qE -- "$pattern" "$work/$name.out"; then return 0; fi
    if ! kill -0 "$held" 2>/dev/null; then break; fi
    sleep 0.05
  done
  fail "$name did not start"
  cat "$work/$name.out"
}

finish() {
  if ((failures > 0)); then
    echo "$failures failed"
    exit 1
  fi
}
