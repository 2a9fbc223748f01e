#!/usr/bin/env bash
# Programs that run with more privileges than their user (AT_SECURE): the dynamic loader
# drops LD_PRELOAD, and where the library is linked in, SECALLOC_OPTIONS is not obeyed.
source tests/limits/lib.sh
need_root "setuid programs"
need setcap libcap2-bin

# by_user COMMAND...: a user tries to have the library and options in it.
by_user() {
  rm -f "$STATS"
  setpriv --reuid=65534 --regid=65534 --clear-groups under nonsense=1 "$@"
}

no_statistics() { [[ ! -e $STATS ]]; }

# make_program NAME LINK_OPTIONS...: allocates; says its user, if the library is in it, and
# if it runs securely.
make_program() {
  cat >"$WORK/program.c" <<'EOF'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>
int main(void) {
  void *volatile object = malloc(100);
  free(object);
  printf("user %d, library %d, secure %lu\n", (int)geteuid(),
         dlsym(RTLD_DEFAULT, "secalloc_query") != NULL, getauxval(AT_SECURE));
  return 0;
}
EOF
  gcc -o "$WORK/$1" "$WORK/program.c" "${@:2}"
  chmod 0755 "$WORK/$1"
}

# facts_of PROGRAM SENTENCE PRINTED
facts_of() {
  run by_user "$WORK/$1"
  ! printed ', secure 0' || skip "this machine does not honour privileges of files in $WORK"
  fact "$2: runs" printed "$3"
  fact "$2: SECALLOC_OPTIONS is not obeyed" no_statistics
  fact "$2: nor complained about" silent
}

make_program bare
make_program linked -Wl,--no-as-needed "$LIBRARY" -Wl,-rpath,"$WORK"

run by_user "$WORK/linked"
fact "without privileges the linked library obeys" test -s "$STATS"
fact "... and complains" said_once 'nonsense'

test_privileges() {
  local program=$1 library=$2
  chmod u+s "$WORK/$program"
  facts_of "$program" "setuid, $program" "user 0, library $library,"
  chmod u-s "$WORK/$program"
  setcap cap_net_raw+ep "$WORK/$program" 2>/dev/null || skip "no file capabilities in $WORK"
  facts_of "$program" "file capabilities, $program" "user 65534, library $library,"
}

test_privileges bare 0
test_privileges linked 1
summary
