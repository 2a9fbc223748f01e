#!/usr/bin/env bash
# vm.overcommit_memory=2: address space without memory must not be charged.
source tests/limits/lib.sh
need_root "vm.overcommit_memory"

MODE=/proc/sys/vm/overcommit_memory
BEFORE=$(<"$MODE")
kib() { sed -n "s/^$1: *\([0-9]*\) kB/\1/p" /proc/meminfo; }

# The mode is the whole machine's: for as short as possible, and not where it would
# starve others.
(($(kib Committed_AS) + (1 << 20) < $(kib CommitLimit))) ||
  skip "more memory is committed than vm.overcommit_memory=2 allows"
[[ -w $MODE ]] || skip "vm.overcommit_memory can't be set"
trap 'echo "$BEFORE" >"$MODE"; rm -rf "$WORK"' EXIT
echo 2 >"$MODE" 2>/dev/null || skip "vm.overcommit_memory can't be set"

run under "" bash -c 'x=$(ls / | sort); [[ $x == *tmp* ]]'
fact "bash and its children work" succeeded
fact "... silently" silent
run under "" /usr/bin/python3 -c 'import ssl; print(len([bytes(1000) for i in range(20000)]))'
fact "python3 works" printed '^20000$'
run under "" redis-server --version
fact "redis-server starts" printed 'Redis server'
run under "" "$PROBE" secret 100 1000 churn fork intact secret 100 1000
fact "secrets are secret" printed_lines 2 'secret 100: 1000 of 1000, secret$'
fact "no allocation fails" printed 'churn: 0 refused'
fact "fork works" printed 'fork: exit 0'
summary
