#!/usr/bin/env bash
# Real programs on real work, two functions for each. Source it behind lib.sh; it needs MEASURE, the
# words in front of what is measured, and REQUESTED, where the words of a client go whose time
# counts instead of its server's.
#
#   prepare_NAME DIR   makes its input; not measured
#   run_NAME DIR       does the work, in the current directory, and prints what came out of it, the
#                      same in every run
#
# MACROS has the names. Call settle_environment before: hashes are seeded and locales plain, so that
# runs do the same.

source "${ROOT}/tests/inputs/inputs.sh"

MACRO_DIR="${ROOT}/bench/macro"
MACROS=(sqlite3 python3 lua perl redis cc1plus git ghostscript z3 openssl nginx)

settle_environment() {
  export LC_ALL=C PYTHONHASHSEED=0 PERL_HASH_SEED=0 GIT_CONFIG_NOSYSTEM=1 HOME="${WORK}"
}

prepare_sqlite3() {
  sed "s/@N@/$(quick_or 1000 150000)/" "${MACRO_DIR}/load.sql" >"$1/load.sql"
}

run_sqlite3() {
  "${MEASURE[@]}" sqlite3 :memory: <"$1/load.sql"
}

run_python3() {
  "${MEASURE[@]}" "${SERVER_PYTHON}" -B "${MACRO_DIR}/parse.py" "$(quick_or 1 60)"
}

run_lua() {
  "${MEASURE[@]}" lua5.4 "${MACRO_DIR}/trees.lua" "$(quick_or 1 700)"
}

run_perl() {
  "${MEASURE[@]}" perl "${MACRO_DIR}/manual.pl" "$(quick_or 1 7)"
}

prepare_cc1plus() {
  template_source 1 | g++ -std=c++20 -E -x c++ - -o "$1/source.ii"
}

# Its preprocessor aside: cc1plus itself.
run_cc1plus() {
  "${MEASURE[@]}" "$(g++ -print-prog-name=cc1plus)" -quiet -fpreprocessed -std=c++20 \
    "-O$(quick_or 0 1)" "$1/source.ii" -o source.s
  sha256sum source.s
}

prepare_git() {
  git init --quiet --bare --initial-branch=main "$1/repository"
  git_history "$(quick_or 20 800)" | git -C "$1/repository" fast-import --done --quiet
}

# Threads make the packs vary, not what is in them.
run_git() {
  cp -r "$1/repository" .
  cd repository
  "${MEASURE[@]}" git -c pack.threads=2 gc --quiet --aggressive --prune=now
  git rev-list --objects --all | sort | sha256sum
}

prepare_ghostscript() {
  sed "s/@N@/$(quick_or 1 120)/" "${MACRO_DIR}/pages.ps" >"$1/pages.ps"
}

run_ghostscript() {
  "${MEASURE[@]}" gs -q -dSAFER -dBATCH -dNOPAUSE -sDEVICE=pdfwrite -sOutputFile=pages.pdf \
    "$1/pages.ps"
  grep -ac '/Type/Page/' pages.pdf
}

prepare_z3() {
  awk -v pigeons="$(quick_or 3 8)" -f "${MACRO_DIR}/puzzles.awk" >"$1/puzzles.smt2"
}

run_z3() {
  "${MEASURE[@]}" z3 "$1/puzzles.smt2"
}

run_redis() {
  PORT="$(free_port)"
  LAUNCH=("${MEASURE[@]}")
  launch "${PWD}/redis.log" redis-server --port "${PORT}" --bind 127.0.0.1 --save '' --dir "${PWD}"
  wait_until "${PWD}/redis.log" is_listening "${PORT}"
  "${REQUESTED[@]}" redis-benchmark -p "${PORT}" -q -n "$(quick_or 100 100000)" -r 20000 -P 16 \
    -d 100 -t set,get,incr,lpush,lpop,sadd,hset,zadd,mset >answers
  tr '\r' '\n' <answers | sed -n 's/: .* requests per.*//p'
  stop_server "${PID}"
}

prepare_tls() {
  make_certificate "$1" ec
}

# serve_tls SERVER PROTOCOL DIR REQUESTS AT_ONCE: each on a connection of its own, so with a
# handshake. ab counts those that failed as completed, and only complains.
serve_tls() {
  cp "$3/key.pem" "$3/cert.pem" .
  chmod 0711 .
  LAUNCH=("${MEASURE[@]}")
  "start_$1" "${PWD}"
  "${REQUESTED[@]}" ab -q -n "$4" -c "$5" -f "$2" "https://127.0.0.1:${PORT}/hello" >answers \
    2>complaints
  sed -n '/^Complete requests:/p' answers
  sort -u complaints | sed -n 1,5p
  stop_server "${PID}"
}

prepare_openssl() {
  prepare_tls "$1"
}

run_openssl() {
  serve_tls openssl TLS1.3 "$1" "$(quick_or 5 1000)" 1
}

prepare_nginx() {
  prepare_tls "$1"
}

run_nginx() {
  local NGINX_WORKERS=1
  serve_tls nginx TLS1.2 "$1" "$(quick_or 20 2000)" 8
}
