#!/usr/bin/env bash
# What people see: help, suggestions, colours and progress, and what programs see instead.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/check.sh"

escape=$'\e'

# on_terminal COMMAND...: standard input, output and error are a terminal's.
on_terminal() { TERM=xterm script -qec "$(printf '%q ' "$@")" /dev/null; }
options_of() { "$secalloc" "$1" --help | sed -n 's/^  \(--[a-z]*\).*/\1/p'; }

test_help() {
  local command option options
  for command in run scan stats doctor; do
    expect 0 "^Usage: secalloc $command " "$secalloc" "$command" --help
    expect 0 '^Exit status: ' "$secalloc" "$command" -h
    expect 0 "^Usage: secalloc $command " "$secalloc" help "$command"
    # Each option of the help is known, and meant by a word that lacks its last letter.
    options=$(options_of "$command")
    [[ $options == *--help* ]] || fail "no options are found in the help of $command"
    for option in $options; do
      expect 2 "unknown option ${option%?}, did you mean " "$secalloc" "$command" "${option%?}"
    done
  done
  expect 2 'did you mean --json' "$secalloc" scan --jsn
  expect 0 '^Exit status: ' "$secalloc" help
  expect 2 'did you mean doctor' "$secalloc" docter
  expect 2 'unknown command frobnicate; see' "$secalloc" frobnicate
  expect 2 'did you mean scan' "$secalloc" help scna
}

test_colours() {
  expect 0 "$escape\\[32mok" on_terminal "$secalloc" doctor
  expect 0 'ok' on_terminal env NO_COLOR=1 "$secalloc" doctor
  if grep -q "$escape" "$work/output"; then fail "colours in spite of NO_COLOR"; fi
  expect 0 "$escape\\[32mok" on_terminal env NO_COLOR= "$secalloc" doctor
  expect 0 'ok' on_terminal env TERM=dumb "$secalloc" doctor
  if grep -q "$escape" "$work/output"; then fail "colours on a dumb terminal"; fi
  expect 0 'ok' env TERM=xterm "$secalloc" doctor
  if grep -q "$escape" "$work/output"; then fail "colours in a file"; fi
}

test_progress() {
  head -c 64 /dev/urandom >"$work/raw"
  hold large ready /usr/bin/python3 -c "
import time
text = b'not zero' * (36 << 20)
print('ready', flush=True)
time.sleep(600)"
  expect 0 'searched .* of ' on_terminal "$secalloc" scan "$held" --raw "$work/raw"
  expect 0 '^HIDDEN' "$secalloc" scan "$held" --raw "$work/raw"
  if grep -q searched "$work/output"; then fail "progress without a terminal"; fi
  # Standard output alone is what programs read.
  expect 0 'searched .* of ' on_terminal bash -c \
    "'$secalloc' scan $held --raw '$work/raw' --json >'$work/json'"
  expect 0 '^\{.*"verdict":"hidden".*\}$' cat "$work/json"
}

# Who reads an answer that is not whole must learn it.
test_output_that_fails() {
  local command
  for command in --help --version 'doctor --json' "scan $$ --raw $work/raw"; do
    # shellcheck disable=SC2086
    expect 3 "can't be written to standard output: ENOSPC" bash -c '"$@" 2>&1 >/dev/full' - \
      "$secalloc" $command
    expect 3 "can't be written to standard output: EBADF" bash -c '"$@" 2>&1 >&-' - \
      "$secalloc" $command
  done
}

export SECALLOC_LIBRARY=$marker
test_help
test_colours
test_progress
test_output_that_fails
finish
