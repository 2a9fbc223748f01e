#!/usr/bin/env bash
# nginx with three workers: TLS, keepalive, large and compressed answers, a reload.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need nginx nginx-light
need curl curl

exercise() {
  local dir="$1" get before
  get=(curl -sS --fail --max-time 20 --cacert "${dir}/cert.pem")
  seq 1 400000 >"${dir}/www/large.txt"
  tls_requests nginx "${PORT}" 50 "${dir}/cert.pem"
  # One connection, 50 requests; then 4 at a time on connections of their own.
  "${get[@]}" "https://localhost:${PORT}/hello?[1-50]" -w '%{num_connects}\n'
  "${get[@]}" -Z --parallel-max 4 "https://localhost:${PORT}/large.txt?[1-8]" \
    --no-progress-meter -o "${dir}/large-#1"
  sha256sum <"${dir}/large-1" && cat "${dir}"/large-[1-8] | sha256sum
  "${get[@]}" --compressed "https://localhost:${PORT}/large.txt" | sha256sum
  "${get[@]}" -r 1000-2000 "https://localhost:${PORT}/large.txt" | sha256sum
  curl -sS --cacert "${dir}/cert.pem" "https://localhost:${PORT}/missing"
  before="$(workers)"
  kill -HUP "${PID}"
  wait_until "${dir}/nginx.log" workers_differ "${before}"
  echo "reloaded: $(workers | wc -l) workers"
  tls_requests nginx "${PORT}" 50 "${dir}/cert.pem"
}

workers() {
  process_tree "${PID}" | grep -vx "${PID}" | sort
}

workers_differ() {
  [[ "$(workers | wc -l)" == 3 && -z "$(comm -12 <(workers) <(echo "$1"))" ]]
}

examine() {
  expect_all_secret "${PID}"
}

NGINX_WORKERS=3
expect_same_service start_nginx exercise examine
