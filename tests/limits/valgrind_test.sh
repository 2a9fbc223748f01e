#!/usr/bin/env bash
# valgrind runs programs under the library, with our heap: its replacement of malloc must be
# told to let other libraries than libc keep theirs.
source tests/limits/lib.sh
need valgrind valgrind

# watched COMMAND...: exit status 99 if valgrind saw an error.
watched() {
  under "" valgrind --quiet --error-exitcode=99 --soname-synonyms=somalloc=nouserintercepts "$@"
}

run watched ls /
fact "ls runs" succeeded
fact "... with our heap" figure_is ordinary_bytes -gt 0
run watched "$PROBE" secret 100 50 churn free
fact "a program with secrets runs" succeeded
fact "... and all its allocations succeed" printed 'churn: 0 refused'
fact "... its secrets are protected, by a lock at least" \
  printed 'secret 100: 50 of 50, \(secret\|locked\)$'
summary
