#!/usr/bin/env bash
# redis with TLS: every kind of value, scripts, background saves by fork, a small benchmark.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need redis-server redis-server
need redis-benchmark redis-tools

commands() {
  cat <<'COMMANDS'
SET counter 10
INCRBY counter 32
SETRANGE big 3000000 x
STRLEN big
RPUSH list c a b
SORT list ALPHA
HSET hash one 1 two 2 three 3
HGETALL hash
ZADD board 3 x 1 y 2 z
ZRANGE board 0 -1 WITHSCORES
XADD stream 1-1 field value
XRANGE stream - +
PFADD log a b c d
PFCOUNT log
EVAL "local s = {} for i = 1, 20000 do s[i] = 'v' .. i end return #table.concat(s)" 0
EVAL "for i = 1, 20000 do redis.call('SET', 'k' .. i, 'value' .. i) end return 'filled'" 0
MULTI
APPEND counter !
GET counter
EXEC
DBSIZE
SAVE
BGREWRITEAOF
COMMANDS
}

exercise() {
  local dir="$1" cli
  # -e: a command that is refused fails; it would be refused in both runs.
  cli=("${LAUNCH[@]}" redis-cli -e --tls --cacert "${dir}/cert.pem" -h localhost -p "${PORT}")
  tls_requests redis "${PORT}" 30 "${dir}/cert.pem"
  commands | "${cli[@]}"
  wait_until "${dir}/redis.log" saved aof_rewrite_in_progress "${cli[@]}"
  "${cli[@]}" BGSAVE
  wait_until "${dir}/redis.log" saved rdb_bgsave_in_progress "${cli[@]}"
  "${cli[@]}" INFO persistence | grep -E 'last_bgsave_status|last_bgrewrite_status|rdb_saves'
  "${LAUNCH[@]}" redis-benchmark --tls --cacert "${dir}/cert.pem" -h localhost -p "${PORT}" -q \
    -n 2000 -c 10 -P 4 -t set,get,lpush,lrange_100,hset |
    tr '\r' '\n' | sed -n 's/: [0-9.]* requests per.*//p'
  "${cli[@]}" DEBUG RELOAD
  "${cli[@]}" DBSIZE
  "${cli[@]}" --scan --pattern 'k1999*' | sort
  "${cli[@]}" FLUSHALL
}

saved() {
  local what="$1"
  shift
  [[ "$("$@" INFO persistence)" == *"${what}:0"* ]]
}

examine() {
  expect_secret_pages "${PID}"
}

REDIS_OPTIONS=(--enable-debug-command local)
expect_same_service start_redis exercise examine
