#!/usr/bin/env bash
# A full descriptor table: memfd_secret(2) needs one for a moment.
source tests/limits/lib.sh

run prlimit --nofile=64:64 -- env LD_PRELOAD="$LIBRARY" \
  "$PROBE" fill-descriptors secret 100 50
fact "the table is full" printed 'descriptors: EMFILE'
fact "secrets are locked" printed 'secret 100: 50 of 50, locked'
fact "one line names the cause" said_once 'no file descriptor is free.*ulimit -n'

run prlimit --nofile=64:64 -- env LD_PRELOAD="$LIBRARY" SECALLOC_OPTIONS="fallback=none" \
  "$PROBE" fill-descriptors secret 100 50
fact "fallback=none: ENOMEM" printed 'secret 100: 0 of 50, none ENOMEM'
fact "fallback=none: one line names the cause" said_once 'no file descriptor is free'

run prlimit --nofile=64:64 -- env LD_PRELOAD="$LIBRARY" \
  "$PROBE" secret 100 1 fill-descriptors secret 100 50 fork secret 100 50
fact "after the first secret: arenas are there" printed 'secret 100: 50 of 50, secret$'
fact "... but no copy for a child: EAGAIN" printed 'fork: EAGAIN'
fact "... one line names the cause" said_once 'fork failed.*no file descriptor'
summary
