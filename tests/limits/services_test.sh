#!/usr/bin/env bash
# Services in the sandboxes that they put themselves in, or are put in: sshd's child before the
# login, which is killed for any call that its filter doesn't list; nginx where memfd_secret(2) is
# refused, as by systemd's SystemCallFilter=@system-service with SystemCallErrorNumber=EPERM.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source tests/servers/servers.sh
trap 'stop_servers; rm -rf "$WORK"' EXIT
: >"$OUT"
need_root "sshd, and nginx's workers as another user,"
need /usr/sbin/sshd openssh-server
need nginx nginx-light

# starts NAME: whether it comes to listen; its log is told by facts that fail.
starts() {
  ERR=$WORK/$1.log
  "start_$1" "$WORK"
}

serves_all() { [[ $(tls_requests "$1" "$PORT" 12 "$WORK/cert.pem") == 12 ]]; }

start_sshd() {
  PORT=$(free_port)
  local key
  for key in host user; do ssh-keygen -q -t ed25519 -N '' -f "$1/$key"; done
  printf '%s\n' "ListenAddress 127.0.0.1" "Port $PORT" "HostKey $1/host" "PidFile none" \
    "AuthorizedKeysFile $1/user.pub" "StrictModes no" "PermitRootLogin yes" >"$1/sshd.conf"
  mkdir -p /run/sshd # else it refuses to start
  serve "$1/sshd.log" /usr/sbin/sshd -D -e -f "$1/sshd.conf"
}

# logs_in KEX: by a key exchange of which the server's half is done in the sandbox.
logs_in() {
  timeout 30 ssh -F none -i "$WORK/user" -o BatchMode=yes -o StrictHostKeyChecking=no \
    -o UserKnownHostsFile=/dev/null -o KexAlgorithms="$1" -p "$PORT" root@127.0.0.1 true \
    </dev/null >"$OUT" 2>&1
}

# The server's child that runs under a filter; nothing until there is one.
sandboxed_child() {
  local pid
  for pid in $(process_tree "$PID"); do
    ! grep -qs $'^Seccomp:\t2' "/proc/$pid/status" || echo "$pid"
  done
}

has_sandboxed_child() { [[ -n $(sandboxed_child) ]]; }
sandboxed_has_secrets() { (($(secret_kib "$(sandboxed_child)") > 0)); }

test_sshd() {
  local exchange held
  LAUNCH=(env LD_PRELOAD="$LIBRARY" SECALLOC_OPTIONS=fallback=none)
  fact "sshd starts" starts sshd
  exec {held}<>"/dev/tcp/127.0.0.1/$PORT"
  printf 'SSH-2.0-patient\r\n' >&"$held"
  fact "sshd: before the login a child waits in its sandbox" \
    wait_until "$WORK/sshd.log" has_sandboxed_child
  fact "sshd: ... with secrets" sandboxed_has_secrets
  exec {held}>&-
  for exchange in sntrup761x25519-sha512@openssh.com diffie-hellman-group18-sha512 \
    ecdh-sha2-nistp521; do
    fact "sshd: a login by $exchange" logs_in "$exchange"
  done
  stop_server "$PID"
}

test_nginx() {
  make_certificate "$WORK"
  LAUNCH=("$REFUSE" memfd_secret EPERM -- env LD_PRELOAD="$LIBRARY")
  fact "nginx without memfd_secret starts" starts nginx
  fact "nginx: ... serves" serves_all nginx
  fact "nginx: ... and says that its secrets are in locked memory" said_once "locked memory"
  stop_server "$PID"
}

test_sshd
test_nginx
summary
