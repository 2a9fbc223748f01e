#!/usr/bin/env bash
# A running redis with TLS: a helper library promotes what libcrypto has allocated, while clients go
# on: redis_test.sh SECALLOC API_LIBRARY PRELOAD_LIBRARY HELPER_LIBRARY
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
helper="$(realpath "$4")"

is_done() { [[ -s "${work}/trigger.done" ]]; }

is_saved() { [[ "$("${cli[@]}" INFO persistence)" == *rdb_bgsave_in_progress:0* ]]; }

load() {
  while [[ ! -e "${work}/stop" ]]; do
    tls_requests redis "${PORT}" 20 "${work}/cert.pem" >>"${work}/served"
  done
}

make_certificate "${work}"
LAUNCH=(env "LD_PRELOAD=${preload}:${helper}" SECALLOC_OPTIONS=scope=api
  "PROMOTE_WHEN=${work}/trigger")
start_redis "${work}"
check 'requests are served before' tls_requests redis "${PORT}" 20 "${work}/cert.pem"
check 'the key is visible before' is_visible "${PID}" --key "${work}/key.pem"
load &
clients=$!
check 'clients have begun' wait_until "${work}/redis.log" test -s "${work}/served"
touch "${work}/trigger"
check 'the helper has promoted' wait_until "${work}/redis.log" is_done
sed 's/^/       /' "${work}/trigger.done"
touch "${work}/stop"
check 'clients were served meanwhile' wait "${clients}"
check 'each of them' test "$(sort -u "${work}/served")" = 20
check 'the key is hidden, the control found' is_hidden "${PID}" --key "${work}/key.pem"
check 'requests are served after' tls_requests redis "${PORT}" 20 "${work}/cert.pem"
cli=(redis-cli --tls --cacert "${work}/cert.pem" -h localhost -p "${PORT}")
check 'a background save forks' "${cli[@]}" BGSAVE
check 'its child ends' wait_until "${work}/redis.log" is_saved
check 'and has saved' grep -q rdb_last_bgsave_status:ok <("${cli[@]}" INFO persistence)
check 'the key is still hidden' is_hidden "${PID}" --key "${work}/key.pem"
finish
