#!/usr/bin/env bash
# curl over https from a server that runs without the library.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need curl curl
need nginx nginx-light

make_certificate "${WORK}"
start_nginx "${WORK}"
seq 1 2000000 >"${WORK}/www/large.txt"
url="https://localhost:${PORT}"
get=(curl -sS --max-time 30 --cacert "${WORK}/cert.pem")

expect_same "curl: one request" "${get[@]}" "${url}/hello"
expect_same "curl: 60 on one connection" "${get[@]}" "${url}/hello?[1-60]" \
  -w '%{num_connects} %{ssl_verify_result}\n'
expect_same "curl: in parallel" "${get[@]}" -Z --no-progress-meter "${url}/large.txt?[1-6]" \
  -o 'file#1'
expect_same "curl: compressed" "${get[@]}" --compressed "${url}/large.txt" -o file
expect_same "curl: HTTP upload refused, TLS 1.2" bash -c "
  ${get[*]} --tls-max 1.2 -T ${WORK}/www/large.txt ${url}/upload; echo \$?
  ${get[*]} -F file=@${WORK}/cert.pem ${url}/hello; ${get[*]} --head ${url}/missing | sed -n 1p"
expect_same "curl: an unknown certificate" bash -c "curl -sS ${url}/; echo \$?"
stop_server "${PID}"
expect_same "curl: nobody listens" bash -c "
  curl -sS ${url}/ 2>&1 | cut -c1-40; echo \${PIPESTATUS[0]}"
