#!/usr/bin/env bash
# TLS servers that nobody modified, for tests and examples. Source this file.
#
#   make_certificate DIR [rsa|ec]   DIR/key.pem and DIR/cert.pem (localhost, 127.0.0.1)
#   start_openssl DIR               openssl s_server, one process
#   start_python_fork DIR           Python's ssl, a forked child for each connection
#   start_redis DIR                 redis-server, TLS port only; REDIS_OPTIONS are more options
#   start_nginx DIR                 nginx, NGINX_WORKERS (default 3) workers
#   start_postgres DIR              postgres with ssl=on, a forked backend for each connection
#   start_node DIR                  node's https module
#   tls_requests NAME PORT COUNT [CERT]  COUNT TLS connections (verified by CERT), each with a
#                                   request that is answered; prints the number served
#   tls_hold NAME PORT COUNT FILE [SECRETS]  the same, then keeps them open until FILE is removed;
#                                   returns once all are open, so that the workers can be examined
#                                   (openssl serves one at a time: COUNT must be 1). In the file
#                                   SECRETS are the sessions' TLS 1.2 master secrets
#   process_tree PID                PID and its descendants, one a line, without zombies
#   has_processes COUNT             PID and its descendants are so many
#   secret_kib PID                  what it has in memfd_secret mappings, in KiB
#   stop_server PID                 stops it gently, then by force; its status in STOP_STATUS
#   stop_servers                    all of them: for a trap at exit
#
# NAME is the part after start_ (to tls_requests also echo, for servers that send back what they
# get). Each start function sets PID and PORT once the server listens, and logs to DIR/NAME.log.
# The command is run behind the words in the array LAUNCH, if it is set: LAUNCH=(env LD_PRELOAD=...)
# or LAUNCH=(secalloc run --). They must exec the server, so that PID is its own. Call them in the
# shell itself, never in $(...): they set variables.
#
# Servers that are not here are started by
#
#   free_port                       a port to set PORT to
#   serve LOG COMMAND...            starts it and waits until it listens on PORT
#   launch LOG COMMAND...           starts it
#   wait_until LOG COMMAND...       until the command succeeds, as long as PID lives
#
# As root, postgres runs as the user postgres (it refuses root) and nginx's workers as nobody;
# then DIR, and all that LAUNCH names, must be reachable for these users. RLIMIT_MEMLOCK binds
# them, unlike root: SERVERS_KEEP_IPC_LOCK=1 leaves postgres CAP_IPC_LOCK, and nginx's workers root.

SERVERS_DIR="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
SERVER_PYTHON=/usr/bin/python3
SERVER_PATIENCE=120  # seconds; other work may leave little of the machine
SERVER_PIDS=()
REDIS_OPTIONS=()
STOP_STATUS=0

fail_server() {
  printf 'servers: %s\n' "$*" >&2
  return 1
}

# A free TCP port of loopback, below the range that the kernel gives to clients: there another
# connection could take it before the server does.
free_port() {
  "${SERVER_PYTHON}" -c 'import random, socket
while True:
    try:
        port = random.randrange(20000, 32000)
        socket.socket().bind(("127.0.0.1", port))
        break
    except OSError:
        continue
print(port)'
}

make_certificate() {
  local dir="$1" kind="${2:-rsa}" key
  case "${kind}" in
    rsa) key=(rsa:2048) ;;
    ec) key=(ec -pkeyopt ec_paramgen_curve:P-256) ;;
    *) fail_server "make_certificate: the kind is rsa or ec, not '${kind}'"; return ;;
  esac
  openssl req -x509 -newkey "${key[@]}" -nodes -days 30 -subj /CN=localhost \
    -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
    -keyout "${dir}/key.pem" -out "${dir}/cert.pem" 2>"${dir}/certificate.log" ||
    { cat "${dir}/certificate.log" >&2; fail_server "openssl made no ${kind} certificate"; }
}

# Asks the kernel's table, not the port: a probe would be a connection that the server counts.
is_listening() {
  local hex
  printf -v hex '%04X' "$1"
  grep -qsE "^ *[0-9]+: [0-9A-F]+:${hex} [0-9A-F:]+ 0A " /proc/net/tcp /proc/net/tcp6
}

# wait_until LOG COMMAND...: until it succeeds, as long as our patience lasts and PID lives.
wait_until() {
  local log="$1" end=$((SECONDS + SERVER_PATIENCE))
  shift
  while ((SECONDS < end)); do
    "$@" && return 0
    kill -0 "${PID}" 2>/dev/null || break
    sleep 0.05
  done
  tail -n 20 "${log}" >&2
  fail_server "PID ${PID} ended or never passed '$*'; the end of ${log} is above"
}

# launch LOG COMMAND...: in the background, behind LAUNCH; sets PID.
launch() {
  local log="$1"
  shift
  ${LAUNCH[@]+"${LAUNCH[@]}"} "$@" </dev/null >"${log}" 2>&1 &
  PID=$!
  SERVER_PIDS+=("${PID}")
}

serve() {
  launch "$@"
  wait_until "$1" is_listening "${PORT}"
}

start_openssl() {
  PORT="$(free_port)"
  serve "$1/openssl.log" openssl s_server -quiet -www -accept "127.0.0.1:${PORT}" \
    -key "$1/key.pem" -cert "$1/cert.pem"
}

start_python_fork() {
  PORT="$(free_port)"
  serve "$1/python_fork.log" "${SERVER_PYTHON}" "${SERVERS_DIR}/fork_tls_server.py" \
    "$1/cert.pem" "$1/key.pem" "${PORT}"
}

start_node() {
  PORT="$(free_port)"
  serve "$1/node.log" node "${SERVERS_DIR}/https_server.js" "$1/cert.pem" "$1/key.pem" "${PORT}"
}

start_redis() {
  PORT="$(free_port)"
  serve "$1/redis.log" redis-server --port 0 --bind 127.0.0.1 --tls-port "${PORT}" \
    --tls-cert-file "$1/cert.pem" --tls-key-file "$1/key.pem" --tls-ca-cert-file "$1/cert.pem" \
    --tls-auth-clients no --save '' --dir "$1" "${REDIS_OPTIONS[@]}"
}

start_nginx() {
  local user='user nobody nogroup;'
  PORT="$(free_port)"
  [[ -z "${SERVERS_KEEP_IPC_LOCK:-}" ]] || user='user root root;'
  [[ "${EUID}" == 0 ]] || user=''
  mkdir -p "$1/www"
  echo 'nginx serves this page.' >"$1/www/index.html"
  sed -e "s|@DIR@|$1|g" -e "s|@PORT@|${PORT}|g" -e "s|@USER@|${user}|" \
    -e "s|@WORKERS@|${NGINX_WORKERS:-3}|" "${SERVERS_DIR}/nginx.conf.in" >"$1/nginx.conf"
  serve "$1/nginx.log" nginx -p "$1" -c "$1/nginx.conf" -e "$1/nginx.log"
}

# The newest directory that has the server's programs: Debian keeps them out of the PATH.
postgres_bin() {
  local dirs=(/usr/lib/postgresql/*/bin)
  printf '%s\n' "${dirs[-1]}"
}

start_postgres() {
  local bin data="$1/pgdata" LAUNCH=(${LAUNCH[@]+"${LAUNCH[@]}"})
  bin="$(postgres_bin)"
  PORT="$(free_port)"
  mkdir -p "${data}" "$1/pgtls"
  cp "$1/key.pem" "$1/cert.pem" "$1/pgtls/"
  chmod 0600 "$1/pgtls/key.pem"
  if [[ "${EUID}" == 0 ]]; then
    LAUNCH=(setpriv --reuid=postgres --regid=postgres --init-groups
      ${SERVERS_KEEP_IPC_LOCK:+--inh-caps=+ipc_lock --ambient-caps=+ipc_lock} -- "${LAUNCH[@]}")
    chown -R postgres:postgres "${data}" "$1/pgtls"
  fi
  [[ -e "${data}/PG_VERSION" ]] ||
    (cd / && "${LAUNCH[@]}" "${bin}/initdb" -D "${data}" -U postgres -A trust -N --no-locale \
      -E UTF8) >"$1/initdb.log" 2>&1 ||
    { tail -n 20 "$1/initdb.log" >&2; fail_server "initdb failed; its messages are above"; return; }
  launch "$1/postgres.log" "${bin}/postgres" -D "${data}" -p "${PORT}" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c ssl=on \
    -c "ssl_cert_file=$1/pgtls/cert.pem" -c "ssl_key_file=$1/pgtls/key.pem"
  wait_until "$1/postgres.log" grep -qs '^ready' "${data}/postmaster.pid"
}

tls_requests() {
  "${SERVER_PYTHON}" "${SERVERS_DIR}/tls_client.py" "$1" "$2" "$3" ${4:+--ca "$4"}
}

tls_hold() {
  local end=$((SECONDS + SERVER_PATIENCE))
  rm -f "$4"
  "${SERVER_PYTHON}" "${SERVERS_DIR}/tls_client.py" "$1" "$2" "$3" --hold "$4" \
    ${5:+--secrets "$5"} >/dev/null &
  while ((SECONDS < end)); do
    [[ ! -e "$4" ]] || return 0
    kill -0 $! 2>/dev/null || break
    sleep 0.05
  done
  fail_server "tls_hold: $3 connections to $1 could not be opened"
}

process_tree() {
  local child
  [[ -z "$(tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline")" ]] || printf '%s\n' "$1"
  while read -r child; do
    process_tree "${child}"
  done < <(cat /proc/"$1"/task/*/children 2>/dev/null | tr ' ' '\n' | grep .)
}

has_processes() {
  (($(process_tree "${PID}" | wc -l) == $1))
}

secret_kib() {
  awk '/^[0-9a-f]+-[0-9a-f]+ / { secret = /\/secretmem \(deleted\)$/ }
       secret && $1 == "Rss:" { sum += $2 }
       END { print sum + 0 }' "/proc/$1/smaps"
}

stop_server() {
  local pid="$1" end=$((SECONDS + SERVER_PATIENCE)) members
  mapfile -t members < <(process_tree "${pid}")
  kill -TERM "${pid}" 2>/dev/null || true
  while ((SECONDS < end)); do
    [[ "$(awk '{print $3}' "/proc/${pid}/stat" 2>/dev/null || echo Z)" != Z ]] || break
    sleep 0.05
  done
  kill -KILL "${members[@]}" 2>/dev/null || true
  STOP_STATUS=0
  wait "${pid}" 2>/dev/null || STOP_STATUS=$?
  remember_all_but "${pid}"
}

remember_all_but() {
  local pid rest=()
  for pid in ${SERVER_PIDS[@]+"${SERVER_PIDS[@]}"}; do
    [[ "${pid}" == "$1" ]] || rest+=("${pid}")
  done
  SERVER_PIDS=(${rest[@]+"${rest[@]}"})
}

# How they end is nobody's business now, and who runs the script may kill it soon.
stop_servers() {
  local pid SERVER_PATIENCE=10
  for pid in ${SERVER_PIDS[@]+"${SERVER_PIDS[@]}"}; do
    stop_server "${pid}"
  done
}
