#!/usr/bin/env bash
# RLIMIT_AS: the reservation shrinks, or one line says why it can't be had.
source tests/limits/lib.sh

# within BYTES COMMAND...
within() {
  local bytes
  bytes=$(numfmt --from=iec "$1")
  prlimit --as="$bytes:$bytes" -- env LD_PRELOAD="$LIBRARY" "${@:2}"
}

make_repository() {
  git init -q "$1" && cd "$1" && git config user.email a@example.org && git config user.name a &&
    seq 1 20000 >file && git add file && git commit -qm one && git gc -q && git log -p >/dev/null
}

compile() {
  echo '#include <map>
    #include <string>
    int main() { std::map<std::string, int> m; m["a"] = 1; return m.size() == 1 ? 0 : 1; }' \
    >"$WORK/small.cc"
  g++ -O1 -o "$WORK/small" "$WORK/small.cc"
}

test_2_gib() {
  run within 2G /usr/bin/python3 -c \
    'import ssl; x = [bytes(1000) for i in range(200000)]; print(len(x))'
  fact "2 GiB: python3 works" printed '^200000$'
  fact "2 GiB: python3 is silent" silent
  export -f make_repository compile
  export WORK
  run within 2G bash -c 'make_repository "$WORK/repository"'
  fact "2 GiB: git works" succeeded
  run within 2G bash -c compile
  fact "2 GiB: g++ works" succeeded
  run within 2G "$PROBE" secret 100 1000 churn
  fact "2 GiB: secrets are secret" printed 'secret 100: 1000 of 1000, secret$'
  fact "2 GiB: no allocation fails" printed 'churn: 0 refused'
}

# at_least MIB SIZE: the probe could fill so much with objects of that size.
at_least() { status_is "fill $2:" -ge "$1"; }

test_filled() {
  local size
  run within 1G "$PROBE" malloc 30000000 malloc 50000000 malloc 70000000 malloc 100000000
  fact "1 GiB: objects of every large size" printed 'malloc 70000000: ok'
  for size in 100 5000 60000 300000 3000000 6290000; do
    run within 1G "$PROBE" fill "$size" malloc 20000000 secret 100 1 malloc 100
    fact "1 GiB: a quarter of it can be allocated, $size bytes at a time" at_least 256 "$size"
    fact "... what was freed is there for large objects" printed 'malloc 20000000: ok'
    fact "... for secrets" printed 'secret 100: 1 of 1, secret'
    fact "... for small objects" printed 'malloc 100: ok'
  done
}

# What was freed waits for objects of its size, and must not be in the way of others.
test_exchanged() {
  run within 1G "$PROBE" exchange 5000000 8 6500000
  fact "1 GiB, full: what was freed is there for an object that is longer" \
    printed 'malloc 6500000: ok'
  run within 1G "$PROBE" exchange 6500000 4 60000
  fact "... that is shorter" printed 'malloc 60000: ok'
}

test_400_mib() {
  run within 400M "$PROBE" secret 100 1000 status VmSize
  fact "400 MiB: secrets are secret" printed 'secret 100: 1000 of 1000, secret$'
  fact "400 MiB: silent" silent
  run within 400M /usr/bin/python3 -c 'print("on")'
  fact "400 MiB: python3 starts" printed '^on$'
  run within 400M bash -c 'x=$(ls / | sort); [[ $x == *tmp* ]]'
  fact "400 MiB: bash and its children work" succeeded
}

# The heap can't be had: every malloc is ENOMEM, and it is said why.
test_100_mib() {
  run within 100M ls -l /
  fact "100 MiB: ls fails by itself" failed_orderly
  fact "100 MiB: one line names limit and fix" said_once 'no address space.*ulimit -v'
  run within 100M bash -c 'echo started'
  fact "100 MiB: bash fails by itself" failed_orderly
  fact "100 MiB: bash: one line" said_once 'no address space'
  run within 100M "$PROBE" secret 100 1
  fact "100 MiB: a secret is ENOMEM, and no crash" printed 'secret 100: 0 of 1, none ENOMEM'
}

test_2_gib
test_filled
test_exchanged
test_400_mib
test_100_mib
summary
