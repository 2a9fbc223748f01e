#!/usr/bin/env bash
# The option lockdown=1: programs that nobody modified go on, and can't be looked into.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Maps a page over each secret arena, as an attacker would who can make calls.
cat >"$WORK/attack.py" <<'PYTHON'
import ctypes, errno, hashlib, hmac, os, re, ssl
context = ssl.create_default_context()
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
with open("/proc/self/maps") as maps:
    arenas = [int(line.split("-")[0], 16) for line in maps if "secretmem" in line]
replaced = [at for at in arenas if libc.mmap(at, 4096, 3, 0x32, -1, 0) == at]
print("arenas", len(arenas) > 0, "replaced", len(replaced) > 0)
libc.ptrace(2, 0, 0, 0)  # Of no process: ESRCH, if the kernel looks for it at all.
print("ptrace", errno.errorcode[ctypes.get_errno()], "dumpable", libc.prctl(3),
      "again", libc.prctl(4, 1), flush=True)
child = os.fork()
if child == 0:
    os._exit(len(hmac.digest(b"key" * 9, b"text", hashlib.sha256)) - 32)
print("child", os.waitpid(child, 0)[1])
PYTHON
PYTHON=(/usr/bin/python3 "$WORK/attack.py")

run under lockdown=0 "${PYTHON[@]}"
fact "without it arenas can be replaced" printed 'arenas True replaced True'
fact "... and nothing is refused" printed 'ptrace ESRCH dumpable 1 again 0'

run under lockdown=1 "${PYTHON[@]}"
if grep -q 'no mseal' "$ERR"; then
  fact "a kernel without mseal(2) is told of, and the rest is done" \
    printed 'ptrace EPERM dumpable 0 again -1'
  echo 'SKIP: kernel: no mseal(2) before Linux 6.10: arenas are not sealed'
else
  fact "arenas can't be replaced" printed 'arenas True replaced False'
  fact "neither traced nor made dumpable again" printed 'ptrace EPERM dumpable 0 again -1'
  fact "nothing is said" silent
fi
fact "a child has its secrets" printed 'child 0'
fact "it ends well" succeeded

run refusing 462 ENOSYS lockdown=1 true
fact "where the kernel can't seal that is told, and nothing else" said_once 'arenas are not sealed'
run refusing seccomp EPERM lockdown=1 true
fact "where it takes no filter that is told, and nothing else" said_once 'no system call is refused'

need_root "looking in as another process of the user"
NOBODY=(setpriv --reuid=65534 --regid=65534 --clear-groups)

# peek OPTIONS: another process of the user reads the environment of a program, once that runs. The
# program ends with its input.
peek() {
  local program
  coproc "${NOBODY[@]}" under "$1" bash -c 'echo runs; read -r'
  program=$COPROC_PID
  read -r -u "${COPROC[0]}"
  run "${NOBODY[@]}" cat "/proc/$program/environ"
  echo >&"${COPROC[1]}"
  wait "$program"
}

peek lockdown=0
fact "without it another process of the user can look in" succeeded
peek lockdown=1
fact "with it that is refused" grep -q 'Permission denied' "$ERR"
summary
