#!/usr/bin/env bash
# What an operator must hear is said once in a process tree, and only to the descriptor
# 2 that the program was started with.
source tests/limits/lib.sh

without_secrets() { run refusing memfd_secret ENOSYS fallback=locked "$PROBE" "$@"; }

without_secrets secret 100 1 forks 4 secret 100 200
fact "children do not repeat what the parent said" said_once "locked memory"
fact "... and have their secrets" printed_lines 4 'secret 100: 200 of 200, locked'

fact "... and to programs that read it" said_once "\[event=secrets_locked errno=38 pid=[0-9]*\]\$"

without_secrets forks 4 secret 100 200
fact "children of a silent parent say it once between them" said_once "locked memory"

without_secrets forks 2 forks 2 secret 100 200
fact "grandchildren as well" said_once "locked memory"

without_secrets replace-2 "$WORK/replaced" secret 100 1
fact "descriptor 2 became a file: nothing is written to it" is_empty "$WORK/replaced"
fact "... and the old one is closed" silent
fact "... and the program works" printed 'secret 100: 1 of 1, locked'

closed_at_start() { "$@" 2>&-; }
run closed_at_start refusing memfd_secret ENOSYS "" "$PROBE" replace-2 "$WORK/later" secret 100 1
fact "descriptor 2 was closed at the start: nothing is written to its successor" \
  is_empty "$WORK/later"

# Descriptor 7: a pipe that nobody can read any more.
mkfifo "$WORK/pipe"
exec 8<>"$WORK/pipe" 7>"$WORK/pipe"
exec 8<&-
broken_pipe() { "$@" 2>&7; }
run broken_pipe refusing memfd_secret ENOSYS "" "$PROBE" secret 100 1
fact "a reader that left does not end the program" printed 'secret 100: 1 of 1, locked'
summary
